"""Which processors the programs and libraries among some files are for, by the first bytes of each (ELF).

In: paths and heads of files. Out: for each processor, by the name that image configs have for it, the first paths.
What runs on no processor of a computer is not told: ELF files for GPUs, for the kernel's own machine and for
microcontrollers are data to whoever runs an image.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

HEAD = 20  # bytes, the last two of which say the machine
EXAMPLES = 8  # paths that are kept for each processor

# e_machine → GOARCH; where the byte order decides: (little, big).
_MACHINES: Mapping[int, tuple[str, str]] = {
    3: ("386", "386"),
    8: ("mipsle", "mips"),
    21: ("ppc64le", "ppc64"),
    22: ("s390x", "s390x"),
    40: ("arm", "arm"),
    62: ("amd64", "amd64"),
    183: ("arm64", "arm64"),
    243: ("riscv64", "riscv64"),
    258: ("loong64", "loong64"),
}

# Of processors for which there are no images, only programs and libraries of Linux are told, by Debian's names.
_RARE: Mapping[int, str] = {
    2: "sparc",
    4: "m68k",
    15: "hppa",
    18: "sparc",
    20: "powerpc",
    41: "alpha",
    42: "sh4",
    43: "sparc64",
    50: "ia64",
    36902: "alpha",
}
# None, AVR, Xtensa, MSP430, Hexagon, CUDA, AMD's GPUs, BPF, NEC's vector engine: they lie in packages as data.
_DATA = frozenset({0, 83, 94, 105, 164, 190, 224, 247, 251})
_PROGRAMS = frozenset({2, 3})  # e_type: executables and shared objects
_LINUX = frozenset({0, 3})  # EI_OSABI: System V and GNU

# Processor → paths, both sorted.
Machines = tuple[tuple[str, tuple[str, ...]], ...]


def machine(head: bytes) -> str | None:
    """The processor that a file with this head is for, or None where it is no ELF file or for nothing that runs Linux.

    >>> machine(bytes.fromhex("7f454c46 0201 01 00 0000000000000000 0300 3e00"))
    'amd64'
    """
    if len(head) < HEAD or not head.startswith(b"\x7fELF") or head[5] not in (1, 2):
        return None
    big = head[5] == 2
    kind, number = (int.from_bytes(head[at : at + 2], "big" if big else "little") for at in (16, 18))
    if names := _MACHINES.get(number):
        return names[big]
    if number in _DATA or kind not in _PROGRAMS or head[7] not in _LINUX:
        return None
    return _RARE.get(number, f"ELF machine {number}")


class Programs:
    """Collects machines while files pass."""

    def __init__(self) -> None:
        self._found: dict[str, list[str]] = {}

    def look(self, path: str, head: bytes) -> None:
        """A file passes; `head` is at least its first `HEAD` bytes, or all of it."""
        if head.startswith(b"\x7fELF") and (name := machine(head)):
            self._found.setdefault(name, []).append(path)

    def machines(self) -> Machines:
        """What was found."""
        return tuple((name, tuple(sorted(paths)[:EXAMPLES])) for name, paths in sorted(self._found.items()))


def foreign(machines: Machines, architecture: str) -> Iterable[tuple[str, str]]:
    """(path, its processor) of the files that are for another one than an image's."""
    return ((path, name) for name, paths in machines if name != architecture for path in paths)
