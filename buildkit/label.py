"""Names of targets, and sets of them.

In: what people write (`:x`, `//models:fraud`, `@mbuild//rules:model.bzl`, `//...`, `-//x`).
Out: `Label`, `TargetPattern`.
"""

from __future__ import annotations

import re
from functools import lru_cache

from buildkit.errors import BuildError
from buildkit.records import dataclass

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"


def _one_of(signs: str) -> str:
    """A class of these signs and of letters of all scripts; told by what is not in it, which is compiled faster."""
    return "[^" + "".join(re.escape(chr(code)) for code in range(0xA0) if chr(code) not in _LETTERS + signs) + "]"


# The characters of Bazel's labels, less those that file systems and shells quarrel over.
_FOLDER = _one_of(".+@=,~#-")
_PACKAGE = re.compile(f"(?:{_FOLDER}+(?:/{_FOLDER}+)*)?")
_NAME = re.compile(_one_of(".+@=,~#/$()[]{}&!%^\"'* -") + "+")
_REPOSITORY = re.compile(r"[A-Za-z0-9_.-]*")
_PART = "[A-Za-z0-9_][A-Za-z0-9_.+=,~-]*"  # of most paths; it leads nowhere astray
_PLAIN = re.compile(f"(?:(//)((?:{_PART}(?:/{_PART})*)?):|:?)({_PART}(?:/{_PART})*)")


@dataclass(frozen=True, slots=True, order=True)
class Label:
    """The name of a target or file: `@repository//package:name`; the repository '' is the workspace's own."""

    repository: str
    package: str
    name: str

    def __str__(self) -> str:
        place = f"@{self.repository}" if self.repository else ""
        return f"{place}//{self.package}:{self.name}"

    @property
    def path(self) -> str:
        """The path of the file that this label would name, from the repository's root."""
        return f"{self.package}/{self.name}" if self.package else self.name

    @classmethod
    def parse(cls, text: str, package: str = "", repository: str = "") -> Label:
        """Read a label; `:name` and `name` are in `package` of `repository`. Raises BuildError."""
        if (plain := _PLAIN.fullmatch(text)) and (plain[1] or _is_package(package)):
            return cls(repository, plain[2] if plain[1] else package, plain[3])
        rest, repo = text, repository
        if rest.startswith("@"):
            repo, slashes, rest = rest[1:].partition("//")
            if not slashes:
                raise _invalid(text, "'//' after the repository's name is missing")
            if not _REPOSITORY.fullmatch(repo):
                raise _invalid(text, f"'{repo}' is not a repository's name")
            rest = "//" + rest
        if rest.startswith("//"):
            package, colon, name = rest[2:].partition(":")
            name = name if colon else package.rpartition("/")[2]
        else:
            name = rest.removeprefix(":")
        _check(text, package, name)
        return cls(repo, package, name)


def _check(text: str, package: str, name: str) -> None:
    if not name:
        raise _invalid(text, "it has no target name")
    if not _is_package(package):
        raise _invalid(text, f"'{package}' is not a package name")
    if not _NAME.fullmatch(name) or name.startswith("/") or name.endswith("/") or "//" in name or _leads_astray(name):
        raise _invalid(text, f"'{name}' is not a target name")


@lru_cache(maxsize=1000)
def _is_package(name: str) -> bool:
    return bool(_PACKAGE.fullmatch(name)) and not _leads_astray(name)


def _leads_astray(path: str) -> bool:
    """Whether a path has parts such as '..', or bytes that are no text (which Python reads as surrogates)."""
    return any(part in (".", "..") for part in path.split("/")) or any("\ud800" <= char <= "\udfff" for char in path)


def _invalid(text: str, why: str) -> BuildError:
    return BuildError(f"invalid label {text!r}: {why}", hint="labels look like '//package:name' or ':name'")


@dataclass(frozen=True, slots=True)
class TargetPattern:
    """A set of targets: one (`//a:b`), a package's (`//a:all`), all below one (`//a/...`); `-` takes them away."""

    package: str
    name: str | None
    below: bool
    negative: bool
    text: str

    @classmethod
    def parse(cls, text: str, package: str = "") -> TargetPattern:
        """Read a pattern as it is written on the command line, relative to `package`. Raises BuildError."""
        negative, rest = text.startswith("-"), text.removeprefix("-")
        if not rest.startswith(("//", "@", ":")) and (":" in rest or rest == "..." or rest.endswith("/...")):
            rest = f"//{package}/{rest}" if package else f"//{rest}"  # a path from where the user stands
        if rest == "//...":
            return cls("", None, True, negative, text)
        if rest.startswith("//") and rest.endswith("/..."):
            folder = rest[2:-4]
            _check(text, folder or "/", "all")
            return cls(folder, None, True, negative, text)
        label = Label.parse(rest, package)
        if label.repository:
            raise BuildError(f"invalid pattern {text!r}: only this workspace's targets can be built")
        every = label.name in ("all", "*") and ":" in rest
        return cls(label.package, None if every else label.name, False, negative, text)

    def covers(self, package: str) -> bool:
        """Whether every target of a package is in the set, the sign left aside."""
        return self.name is None and self.matches(Label("", package, ""))

    def matches(self, label: Label) -> bool:
        """Whether a target of the workspace is in the set, the sign left aside."""
        if self.below:
            return not self.package or label.package == self.package or label.package.startswith(self.package + "/")
        return label.package == self.package and self.name in (None, label.name)
