"""What a change makes anew, by the names of actions: all that must be, and nothing else."""

from __future__ import annotations

import hashlib
import shutil
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from invocations import Place

pytestmark = pytest.mark.e2e

FRAUD = Path(__file__).parent.parent.parent / "examples" / "fraud"


@pytest.fixture(scope="module")
def fraud(tmp_path_factory: pytest.TempPathFactory, kept_store: Path) -> Place:
    """The example, built. The store outlives the test, so changes must be ones that it has never seen."""
    root = tmp_path_factory.mktemp("incremental") / "fraud"
    shutil.copytree(FRAUD, root, ignore=shutil.ignore_patterns("mbuild-out"))
    place = Place(root, kept_store)
    built(place, "//models:fraud")
    assert built(place, "//models:fraud") == []
    return place


def built(place: Place, *argv: str) -> list[str]:
    """The actions that ran."""
    ran = place.mbuild(*argv)
    assert ran.code == 0, ran.stderr
    return ran.actions


@contextmanager
def edited(place: Place, path: str, old: str, new: str) -> Iterator[None]:
    """A file with a change, which is taken back afterwards."""
    before = (place.root / path).read_bytes()
    place.edit(path, old, new)
    yield
    place.write({path: before})


TRAIN = "train //models:fraud_model models/fraud.joblib"
MODEL_LAYERS = [
    "big_file_layers //models:fraud_model models/fraud_model/weights-0.descriptors",
    "small_file_layers //models:fraud_model models/fraud_model/files.descriptors",
]
CONFIG = "config //models:fraud models/fraud/config.json"
MANIFEST = "manifest //models:fraud models/fraud/manifest.json"


def test_a_comment_in_the_training_script_trains_once_and_nothing_after_it(fraud: Place) -> None:
    with edited(fraud, "models/train.py", "TREES = ", f"# {uuid.uuid4()}\nTREES = "):
        assert built(fraud, "//models:fraud") == [TRAIN]
        assert built(fraud, "//models:fraud") == []
    assert built(fraud, "//models:fraud") == []


def test_a_constant_of_the_training_script_trains_and_makes_what_follows(fraud: Place) -> None:
    seed = uuid.uuid4().int % 2**32
    with edited(fraud, "models/train.py", "random_state=0", f"random_state={seed}"):
        assert built(fraud, "//models:fraud") == sorted([TRAIN, *MODEL_LAYERS, CONFIG, MANIFEST])
    assert built(fraud, "//models:fraud") == []


def test_a_label_of_the_image_makes_config_and_manifest_anew(fraud: Place) -> None:
    with edited(fraud, "models/BUILD", "Scores card transactions", f"Scores {uuid.uuid4()}"):
        assert built(fraud, "//models:fraud") == sorted([CONFIG, MANIFEST])
    assert built(fraud, "//models:fraud") == []


# Small cases, with the machine's own programs

SMALL = """
genrule(name = "sorted", srcs = ["words.txt"], outs = ["sorted.txt"], cmd = "sort $(SRCS) > $@", host_tools = True)
genrule(name = "first", srcs = [":sorted"], outs = ["first.txt"], cmd = "head -n1 $(SRCS) > $@", host_tools = True)
filegroup(name = "all", srcs = glob(["*.txt"]) + [":first"])
"""
SORTED, FIRST = "genrule //p:sorted p/sorted.txt", "genrule //p:first p/first.txt"


@pytest.fixture
def small(tmp_path: Path) -> Place:
    place = Place(tmp_path / "workspace", tmp_path / "store")
    place.write({"mbuild.toml": "", "p/BUILD": SMALL, "p/words.txt": "b\na\nc\n", "p/other.md": "1"})
    assert built(place, "//p:all") == [FIRST, SORTED]
    return place


CHANGES: dict[str, tuple[Callable[[Place], None], list[str]]] = {
    "nothing": (lambda place: None, []),
    "a file that is only touched": (lambda place: (place.root / "p/words.txt").touch(), []),
    "a file that nobody reads": (lambda place: place.write({"p/other.md": "2"}), []),
    "a file that a group takes in": (lambda place: place.write({"p/new.txt": "new"}), []),
    "another order of the same words": (lambda place: place.write({"p/words.txt": "c\nb\na\n"}), [SORTED]),
    "another word": (lambda place: place.write({"p/words.txt": "b\nab\nc\n"}), [FIRST, SORTED]),
    "a comment in the BUILD file": (lambda place: place.edit("p/BUILD", "filegroup", "# why\nfilegroup"), []),
    "the command of the last": (lambda place: place.edit("p/BUILD", "-n1", "-n2"), [FIRST]),
    "outputs that were deleted": (lambda place: shutil.rmtree(place.root / "mbuild-out"), []),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_runs_what_it_concerns(small: Place, change: str) -> None:
    make, expected = CHANGES[change]
    make(small)
    assert built(small, "//p:all") == expected
    assert built(small, "//p:all") == []


def test_going_back_runs_nothing(small: Place) -> None:
    first = small.mbuild("//p:all").stdout
    with edited(small, "p/words.txt", "b\na\nc\n", "z\n"):
        assert built(small, "//p:all") == [FIRST, SORTED]
        assert small.mbuild("//p:all").stdout != first
    assert built(small, "//p:all") == []
    assert small.mbuild("//p:all").stdout == first


def test_what_failed_runs_again_and_what_went_well_does_not(small: Place) -> None:
    with edited(small, "p/BUILD", "head -n1", "false; head -n1"):
        assert [small.mbuild("//p:all").code for _ in range(2)] == [1, 1]
    assert built(small, "//p:all") == []


# Weights: adopted where they lie, never copied

VOLUME = """
model(name = "m", framework = "sklearn", srcs = ["m.joblib"])
model_volume(name = "volume", models = [":m"])
"""
WEIGHTS = bytes(range(256)) * 4096


@pytest.fixture
def weights(tmp_path: Path) -> Place:
    place = Place(tmp_path / "one", tmp_path / "store")
    place.write({"mbuild.toml": "", "p/BUILD": VOLUME, "p/m.joblib": WEIGHTS})
    return place


def test_deleting_one_of_two_clones_leaves_the_other_working(weights: Place, tmp_path: Path) -> None:
    other = Place(tmp_path / "other", weights.cache)
    shutil.copytree(weights.root, other.root)
    assert len(built(weights, "//p:volume")) == 4
    assert built(other, "//p:volume") == []
    shutil.rmtree(weights.root)
    assert built(other, "//p:volume", "--output", f"oci:{tmp_path / 'layout'}") == []
    assert other.mbuild("--sandbox=none", "--offline", "//p:volume").code == 0


def test_weights_that_are_edited_after_the_build_are_found_out_at_the_push_by_name(weights: Place) -> None:
    """The registry's first question comes after the build; that is when the file is edited."""

    def edit() -> None:
        weights.write({"p/m.joblib": bytes(len(WEIGHTS))})

    with registry(edit) as address:
        ran = weights.mbuild("push", "//p:volume", f"{address}/models/volume:1", "--plain-http")
    assert (ran.code, ran.stdout) == (1, ""), ran.stderr
    was, became = hashlib.sha256(WEIGHTS).hexdigest(), hashlib.sha256(bytes(len(WEIGHTS))).hexdigest()
    assert ran.told == (
        f"error: source file '{weights.root}/p/m.joblib' has changed: "
        f"expected sha256:{was} ({len(WEIGHTS)} bytes), found sha256:{became}\n"
        "hint: build again, so that its new content is taken up"
    )
    assert weights.mbuild("//p:volume").code == 0


@contextmanager
def registry(first: Callable[[], None]) -> Iterator[str]:
    """A registry that has nothing and takes everything; `first` is called before its first answer."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            if not asked:
                first()
            asked.append(self.path)
            self.answer(404)

        def do_GET(self) -> None:
            self.answer(200 if self.path == "/v2/" else 404)

        def do_POST(self) -> None:
            self.answer(202)

        def do_PATCH(self) -> None:
            self.take()
            self.answer(202)

        def do_PUT(self) -> None:
            self.take()
            self.answer(201)

        def take(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))

        def answer(self, status: int) -> None:
            self.send_response(status)
            self.send_header("Location", "/v2/models/volume/blobs/uploads/1")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
