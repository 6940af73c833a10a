"""Answers that come a byte at a time: whatever is asked, it ends, and in one error for users."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable

import pytest
from dripping_server import dripping

from buildkit.digest import Digest
from buildkit.errors import BuildError
from buildkit.events import ignore
from buildkit.registry import Credentials
from buildkit.registry.oras import OrasRegistry
from buildkit.registry.retry import Patience

BLOB = bytes(100_000)
DIGEST = Digest.of(BLOB)
DOINGS: dict[str, Callable[[OrasRegistry], object]] = {
    "has": lambda found: found.has("ml/x", DIGEST),
    "mount": lambda found: found.mount("ml/x", DIGEST, "ml/y"),
    "push": lambda found: found.push_blob("ml/x", DIGEST, lambda: io.BytesIO(BLOB), lambda done: None),
    "read": lambda found: found.open_blob("ml/x", DIGEST).__enter__().read(),
    "manifest": lambda found: found.manifest("ml/x", "v1"),
    "put": lambda found: found.push_manifest("ml/x", "v1", b"{}", "a/b"),
    "tags": lambda found: found.tags("ml/x"),
    "referrers": lambda found: found.referrers("ml/x", DIGEST),
    "login": lambda found: found.accepts_login(),
}


@pytest.mark.parametrize("part", ["body", "head"])
@pytest.mark.parametrize("doing", DOINGS)
def test_an_answer_a_byte_at_a_time_ends(part: str, doing: str) -> None:
    ended: list[BaseException | None] = []

    def work(address: str) -> None:
        patience = Patience(tries=1, first=0.01, connect=2.0, stall=0.2, ending=0.4)
        found = OrasRegistry(
            address, Credentials((), lambda name, host: "", ignore), ignore, plain_http=True, patience=patience
        )
        try:
            DOINGS[doing](found)
            ended.append(None)
        except BaseException as error:
            ended.append(error)

    with dripping(part) as address:
        thread = threading.Thread(target=work, args=(address,), daemon=True)
        thread.start()
        thread.join(20)
        assert ended, "no end"
    # What a status says without its body may be all that was asked.
    assert isinstance(ended[0], BuildError | None)
