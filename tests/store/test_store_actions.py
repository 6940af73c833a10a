"""The action cache: exact or missing."""

import os
import stat
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from buildkit.digest import Digest, Key
from buildkit.errors import EnvironmentFault
from buildkit.store import ActionCache, ActionResult, DiskActionCache, KeyedFiles, MemoryActionCache, SpareFiles
from buildkit.store.actions import decode, encode

KEY = Key.of("test", 1)
DIGESTS = st.binary(max_size=5).map(Digest.of)
RESULTS = st.builds(
    ActionResult, st.dictionaries(st.text(max_size=5), DIGESTS, max_size=4), st.integers(-9, 255), st.none() | DIGESTS
)
RESULT = ActionResult({"layer": Digest.of(b"layer"), "descriptor": Digest.of(b"{}")}, 0, Digest.of(b"log"))


@pytest.mark.parametrize("kind", ["disk", "memory"])
def test_a_result_is_found_by_its_key_only(tmp_path: Path, kind: str) -> None:
    cache: ActionCache = DiskActionCache(tmp_path) if kind == "disk" else MemoryActionCache()
    assert cache.get(KEY) is None
    cache.put(KEY, RESULT)
    assert cache.get(KEY) == RESULT
    assert cache.get(Key.of("test", 2)) is None
    cache.put(KEY, ActionResult({}))
    assert cache.get(KEY) == ActionResult({})


def test_outputs_are_sorted_and_compare_by_value() -> None:
    assert list(RESULT.outputs) == ["descriptor", "layer"]
    assert hash(ActionResult({"a": Digest.of(b"")})) == hash(ActionResult({"a": Digest.of(b"")}))
    assert RESULT.digests() == (Digest.of(b"{}"), Digest.of(b"layer"), Digest.of(b"log"))


@settings(deadline=None)
@given(RESULTS)
def test_a_result_survives_its_document(result: ActionResult) -> None:
    assert decode(encode(result)) == result


@settings(deadline=None)
@given(st.binary(max_size=200) | st.just(b"{}") | st.just(b'{"outputs":[["a","md5:x",1]],"exit_code":0,"log":null}'))
def test_any_other_document_is_a_miss(data: bytes) -> None:
    assert decode(data) is None


@settings(deadline=None)
@given(st.data())
def test_one_flipped_bit_or_a_cut_makes_an_entry_a_miss(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        cache = DiskActionCache(Path(folder))
        cache.put(KEY, RESULT)
        path = Path(folder) / "actions" / KEY.hex[:2] / KEY.hex
        entry = bytearray(path.read_bytes())
        position = data.draw(st.integers(0, len(entry) - 1))
        if data.draw(st.booleans()):
            del entry[position:]
        else:
            entry[position] ^= 1 << data.draw(st.integers(0, 7))
        path.write_bytes(entry)
        assert cache.get(KEY) is None
        cache.put(KEY, RESULT)
        assert cache.get(KEY) == RESULT


def test_an_entry_of_one_kind_is_not_taken_for_another(tmp_path: Path) -> None:
    parsed, actions = KeyedFiles(tmp_path, "parsed"), KeyedFiles(tmp_path, "actions")
    parsed.put(KEY, b"pickle")
    assert parsed.get(KEY) == b"pickle"
    path = tmp_path / "parsed" / KEY.hex[:2] / KEY.hex
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    (tmp_path / "actions" / KEY.hex[:2]).mkdir(parents=True)
    path.rename(tmp_path / "actions" / KEY.hex[:2] / KEY.hex)
    assert actions.get(KEY) is None


def test_a_folder_of_parsed_files_that_others_may_read_is_closed(tmp_path: Path) -> None:
    (tmp_path / "parsed").mkdir()
    (tmp_path / "parsed").chmod(0o777)
    KeyedFiles(tmp_path, "parsed")
    KeyedFiles(tmp_path / "new", "parsed")
    assert stat.S_IMODE((tmp_path / "parsed").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "new" / "parsed").stat().st_mode) == 0o700


def test_a_folder_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: mine + 1)
    with pytest.raises(EnvironmentFault) as fault:
        KeyedFiles(tmp_path, "parsed")
    assert str(fault.value) == (
        f"error: the cache folder '{tmp_path}/parsed' belongs to another user\n"
        "hint: choose a folder of your own with --cache-dir"
    )


def test_an_entry_that_is_a_folder_is_a_miss(tmp_path: Path) -> None:
    (tmp_path / "actions" / KEY.hex[:2] / KEY.hex).mkdir(parents=True)
    assert DiskActionCache(tmp_path).get(KEY) is None


def test_spare_files_are_given_up_when_the_disk_lets_none_be_written(tmp_path: Path) -> None:
    told: list[str] = []
    files = SpareFiles(tmp_path, "parsed", lambda fault: told.append(fault.message))
    files.put(KEY, b"kept")
    other = Key.of("test", "other")
    (tmp_path / "parsed" / other.hex[:2]).write_bytes(b"in the way")
    files.put(other, b"lost")
    files.put(KEY, b"not tried any more")
    assert (files.get(KEY), files.get(other)) == (b"kept", None)
    assert told == [f"cannot write the folder 'parsed' below '{tmp_path}': file exists"]


def test_spare_files_that_have_no_folder_are_all_missing(tmp_path: Path) -> None:
    told: list[str] = []
    (tmp_path / "parsed").write_bytes(b"in the way")
    files = SpareFiles(tmp_path, "parsed", lambda fault: told.append(fault.message))
    files.put(KEY, b"lost")
    assert files.get(KEY) is None
    assert told == [f"cannot write the folder 'parsed' below '{tmp_path}': file exists"]
