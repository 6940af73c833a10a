"""One digest everywhere: two clones that differ in all that may differ, and the digest that is committed."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from mbuild_command import FRAUD, THIS, Mbuild, clone
from other_python import install, other_python

from buildkit.graph.lockfile import parse_lock
from buildkit.store import DiskStore

pytestmark = pytest.mark.e2e

COMMITTED = FRAUD / "fraud.digest"


def serve_fetched(fraud: Mbuild, folder: Path) -> tuple[Path, Path]:
    """What the first clone fetched, as a folder of wheels and as a Debian mirror."""
    store = DiskStore(fraud.store)
    wheels, mirror = folder / "wheels", folder / "mirror"
    for path in sorted((fraud.folder / "third_party").glob("*.lock")):
        if path.name.endswith(".arm64.lock"):
            continue
        lock = parse_lock(path.read_text(), path.name)
        for entry in lock.entries:
            link = (wheels if lock.kind == "python" else mirror) / entry.filename
            blob = store.owned_path(entry.digest)
            assert blob, f"{entry.filename} is not in the store"
            link.parent.mkdir(parents=True, exist_ok=True)
            if not link.exists():
                link.symlink_to(blob)
    return wheels, mirror


@pytest.fixture
def elsewhere(fraud: Mbuild, roomy: Path) -> Mbuild:
    """A clone that differs from `fraud` in everything but its files' contents; its store is empty."""
    wheels, mirror = serve_fetched(fraud, roomy)
    home = roomy / "another home"
    home.mkdir()
    folder = clone(FRAUD, roomy / "зеркало ñ 日本" / "mein  Klon")
    with (folder / "mbuild.toml").open("a") as config:
        config.write(f'\n[debian]\nmirror = "{mirror.as_uri()}"\n')
    python = other_python()
    # Python itself cannot start in the C locale from an editable checkout whose path is not ASCII.
    language = "C" if python or __file__.isascii() else "C.UTF-8"
    return Mbuild(
        folder,
        roomy / "another store",
        install(python, roomy / "environment") if python else THIS,
        {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "LANG": language,
            "LC_ALL": language,
            "OMP_NUM_THREADS": "7",
            "OPENBLAS_CORETYPE": "Prescott",
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_FIND_LINKS": str(wheels),
            "PIP_NO_INDEX": "1",
            "PYTHONHASHSEED": "4242",
            "TZ": "Asia/Kathmandu",
        },
        umask=0o077,
    )


def test_two_clones_that_differ_in_all_that_may_differ_give_the_committed_digest(
    fraud: Mbuild, elsewhere: Mbuild
) -> None:
    environment = {**fraud.environment, "LANG": "C.UTF-8", "PYTHONHASHSEED": "0", "TZ": "America/St_Johns"}
    here = Mbuild(fraud.folder, fraud.store, THIS, environment, umask=0o002).digest("//models:fraud", "--jobs=2")

    assert not elsewhere.store.exists()
    done = elsewhere("//models:fraud", "--jobs=1", "--offline")

    assert done.out == f"//models:fraud {here}\n"
    assert COMMITTED.read_text() == f"{here}\n", (
        f"the image's digest is another one than examples/fraud/fraud.digest says; if that is meant, renew it with\n"
        f"    echo {here} > examples/fraud/fraud.digest"
    )
    if elsewhere.command == THIS:
        version = "{}.{}".format(*sys.version_info)
        pytest.skip(f"one digest is shown, but only for Python {version}: there is no other (3.11 to 3.13) here")
