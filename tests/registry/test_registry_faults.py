"""A hundred pushes and pulls under seeded faults, between mbuild and docker-registry.

Each ends in a complete image or in one clear error, in bounded time, and no tag ever names an incomplete image.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from debian_programs import Programs
from real_registry import registry
from seeded_faults import Outcomes, run

pytestmark = pytest.mark.e2e

# Every tenth may have blobs of up to 64 MB; all that the rest needs is many requests.
SMALL, LARGE = 1_000_000, 64_000_000


@pytest.mark.parametrize("first", range(0, 100, 10))
def test_pushes_and_pulls_end_whole_or_in_one_clear_error(programs: Programs, tmp_path: Path, first: int) -> None:
    outcomes = Outcomes()
    with registry(programs, tmp_path / "registry") as target:
        for seed in range(first, first + 10):
            run(seed, target, LARGE if seed == first else SMALL, outcomes)
    assert outcomes.wrong == []
    assert outcomes.pushed + outcomes.push_errors == outcomes.pulled + outcomes.pull_errors == 10
    assert sum(outcomes.faults.values()) > 0
