"""What tests of several parts share: the store that is kept between runs, and the programs fetched into it.

With `CI` set a skipped test is a failed one, unless it is marked `may_skip`: what a machine cannot do must be seen.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Generator
from pathlib import Path

import pytest
from browser import Browser, unpack_browser
from debian_programs import Programs, unpack_programs

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def kept_store() -> Path:
    """A store for real builds: `MBUILD_TEST_CACHE`, else one in pytest's own cache, so that a second run is quick."""
    named = os.environ.get("MBUILD_TEST_CACHE")
    return Path(named).absolute() if named else ROOT / ".pytest_cache" / "mbuild-store"


@pytest.fixture(scope="session")
def programs(kept_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Programs:
    """The programs of `tests/e2e/tools`, fetched and unpacked by mbuild when the first test asks for one."""
    return unpack_programs(kept_store, tmp_path_factory.mktemp("programs"))


@pytest.fixture(scope="session")
def browser(kept_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Browser:
    """A browser without a screen, fetched when the first test of a web page asks for it."""
    return unpack_browser(kept_store, tmp_path_factory.mktemp("browser"))


def pytest_configure(config: pytest.Config) -> None:
    # A shell without job control starts what stands before `&` deaf to Ctrl-C, and what that starts inherits it.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    config.addinivalue_line("markers", "may_skip(why): may be skipped on CI too")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    expected = hasattr(report, "wasxfail") or item.get_closest_marker("may_skip")
    if report.skipped and os.environ.get("CI") and not expected:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"CI must be able to run this test. {reason}"
    return report
