"""The environment that every command sees: fixed, so that nothing of the user's own has a say.

In: the action's own variables. Out: all variables, the action's before ours. One thread and one code path for the
numeric libraries: their sums depend on both.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")

# Nehalem needs no more than x86-64-v2, so that any machine of the last fifteen years takes the same path.
CORE_TYPES = {"x86_64": "Nehalem", "aarch64": "ARMV8"}

# The first moment that a zip archive can name.
EPOCH = 315532800

DEFAULTS = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/tmp",
    "TMPDIR": "/tmp",
    "LANG": "C.UTF-8",
    "TZ": "UTC",
    "PYTHONHASHSEED": "0",
    "SOURCE_DATE_EPOCH": str(EPOCH),
    "MKL_CBWR": "COMPATIBLE",
    **dict.fromkeys(THREADS, "1"),
}


def environment(own: Iterable[tuple[str, str]], machine: str = "") -> Mapping[str, str]:
    """All variables of a command, sorted by name; `machine` is the processor's family, this one's by default."""
    core = CORE_TYPES.get(machine or platform.machine())
    variables = DEFAULTS | ({"OPENBLAS_CORETYPE": core} if core else {}) | dict(own)
    return dict(sorted(variables.items()))
