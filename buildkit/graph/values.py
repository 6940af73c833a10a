"""The engine's nouns as values of the language: labels, files, locks.

In: frozen Python values. Out: what rules see of them.
"""

from __future__ import annotations

from collections.abc import Iterable

from buildkit.errors import BuildError, Span
from buildkit.graph.action import Artifact, Data
from buildkit.graph.argument import text
from buildkit.graph.depset import Depset
from buildkit.graph.image_documents import LockedImage
from buildkit.graph.lockfile import Lock
from buildkit.label import Label
from buildkit.lang import Builtin, Call, Dict, HostValue, List, Struct, Value, from_python


class LabelValue(HostValue):
    """A label, with `.name`, `.package`, `.repository` (Bazel's `.repo_name`), and labels relative to it."""

    type_name = "Label"

    def __init__(self, label: Label) -> None:
        self.label = label

    def attribute(self, name: str) -> Value:
        """Its parts."""
        known: dict[str, Value] = {
            "name": self.label.name,
            "package": self.label.package,
            "repository": self.label.repository,
            "repo_name": self.label.repository,
            "relative": Builtin("relative", self._relative),
            "same_package_label": Builtin("same_package_label", self._same_package_label),
        }
        return known[name]

    def _relative(self, call: Call, relName: Value) -> Value:  # noqa: N803
        return LabelValue(Label.parse(text(call, "relName", relName), self.label.package, self.label.repository))

    def _same_package_label(self, call: Call, target_name: Value) -> Value:
        name = text(call, "target_name", target_name)
        return LabelValue(Label.parse(f":{name}", self.label.package, self.label.repository))

    def attributes(self) -> Iterable[str]:
        """Their names."""
        return ("name", "package", "relative", "repo_name", "repository", "same_package_label")

    def represent(self) -> str:
        """As it is printed."""
        return f'Label("{self.label}")'

    def display(self) -> str:
        """As `str` gives it."""
        return str(self.label)

    def __str__(self) -> str:
        return str(self.label)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LabelValue) and other.label == self.label

    def __hash__(self) -> int:
        return hash(self.label)


class FileValue(HostValue):
    """An artifact, with `.path`, `.dirname`, `.basename`, `.extension`, `.is_tree`, `.is_source`, `.owner`."""

    type_name = "File"

    def __init__(self, artifact: Artifact) -> None:
        self.artifact = artifact

    def attribute(self, name: str) -> Value:
        """What is known of a file before it exists."""
        artifact = self.artifact
        basename = artifact.path.rpartition("/")[2]
        known: dict[str, Value] = {
            "path": artifact.path,
            "short_path": artifact.short_path,
            "dirname": artifact.path.rpartition("/")[0],
            "basename": basename,
            "is_directory": artifact.tree,
            "extension": basename.rpartition(".")[2] if "." in basename else "",
            "is_tree": artifact.tree,
            "is_source": artifact.source,
            "owner": LabelValue(artifact.owner),
        }
        return known[name]

    def attributes(self) -> Iterable[str]:
        """Their names."""
        return (
            "basename",
            "dirname",
            "extension",
            "is_directory",
            "is_source",
            "is_tree",
            "owner",
            "path",
            "short_path",
        )

    def represent(self) -> str:
        """As it is printed."""
        return f"<File {self.artifact.path}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FileValue) and other.artifact == self.artifact

    def __hash__(self) -> int:
        return hash(self.artifact)


class LockValue(HostValue):
    """A lock that was parsed at load, with `.path` and `.entries`: structs of its columns.

    A lock of an image has `.digest`, and an entry for each platform: its `platform`, the texts of its `manifest` and
    `config`, the `digest` of its manifest, its `layers` (structs of `media_type`, `sha256`, `size` and `diff_id`).

    While locks are being written (`lenient`), one that is missing has no entries; else asking for them is the error,
    and `command` is what writes it.
    """

    type_name = "Lock"

    def __init__(self, path: str, lock: Lock | None, span: Span, *, command: str, lenient: bool) -> None:
        self.command = command
        self.path = path
        self.lock = lock
        self.span = span
        self.lenient = lenient

    def attribute(self, name: str) -> Value:
        """`path`, `entries`, `digest`."""
        return {"path": lambda: self.path, "entries": self._entries, "digest": self._digest}[name]()

    def attributes(self) -> Iterable[str]:
        """Their names."""
        return ("digest", "entries", "path")

    def represent(self) -> str:
        """As it is printed."""
        return f"<Lock {self.path}>"

    def _digest(self) -> Value:
        return str(self.lock.base.digest) if self.lock and self.lock.base else ""

    def _entries(self) -> Value:
        if self.lock is None:
            if self.lenient:
                return from_python([])
            hint = f"run '{self.command}'"
            raise BuildError(f"the lock '{self.path}' does not exist", span=self.span, hint=hint)
        if self.lock.base:
            # Which platforms it has matters only to what is built, not to what is locked anew.
            return tuple(_image_value(image) for image in ([] if self.lenient else self.lock.base.images))
        columns = ("name", "version", "architecture", "filename", "size", "sha256")
        return tuple(
            Struct("struct", {column: getattr(entry, column) for column in columns}) for entry in self.lock.entries
        )


def _image_value(image: LockedImage) -> Value:
    layers = [
        {"media_type": one.media_type, "sha256": one.digest.hex, "size": one.digest.size, "diff_id": one.diff_id}
        for one in image.layers
    ]
    fields: dict[str, Value] = {
        "platform": image.platform,
        "digest": str(image.manifest.digest),
        "media_type": image.manifest.media_type,
        "manifest": image.manifest.data.decode(),
        "config": image.config.data.decode(),
        "layers": tuple(Struct("struct", dict(layer)) for layer in layers),
    }
    return Struct("struct", fields)


def data_of(value: Value) -> Data:
    """A value of the language as the plain data that an action holds: Files become Artifacts, lists tuples.

    Raises TypeError for a value that no action can hold.
    """
    if value is None or isinstance(value, (bool, float, str)):
        return value
    if isinstance(value, int) and abs(value) < 1 << 63:
        return value
    if isinstance(value, FileValue):
        return value.artifact
    if isinstance(value, LabelValue):
        return str(value.label)
    if isinstance(value, (List, tuple)):
        return tuple(data_of(item) for item in value)
    if isinstance(value, Depset):
        return tuple(data_of(item) for item in value.items())
    if isinstance(value, Dict):
        return {_text_key(key): data_of(item) for key, item in value.items()}
    if isinstance(value, Struct):
        return {name: data_of(item) for name, item in value.fields.items()}
    raise TypeError(value)


def _text_key(key: Value) -> str:
    if not isinstance(key, str):
        raise TypeError(key)
    return key


def written_in(path: str) -> tuple[str, str]:
    """The repository and package that labels in a file are relative to: ('mbuild', 'rules') for `@mbuild//rules/x`."""
    repository, _, inner = path[1:].partition("//") if path.startswith("@") else ("", "", path)
    return repository, inner.rpartition("/")[0]


def _label(call: Call, label: Value) -> Value:
    repository, package = written_in(call.span.path)
    return LabelValue(Label.parse(text(call, "label", label), package, repository))


LABEL = Builtin("Label", _label)
