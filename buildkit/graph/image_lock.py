r"""The entries of a lock of a base image, as text.

In: lines. Out: `LockedImage`s whose bytes were checked against their digests and each other; and the lines again::

    - index application/vnd.oci.image.index.v1+json 1609 8d3c… "{\"schemaVersion\":2,…"
    linux/amd64 config application/vnd.oci.image.config.v1+json 5317 4f2a… "{\"architecture\":\"amd64\",…"
    linux/amd64 manifest application/vnd.oci.image.manifest.v1+json 1019 77b0… "{\"schemaVersion\":2,…"

Each document stands there whole, as a JSON string; so a digest in a BUILD file answers for every byte below it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence

from buildkit.digest import Digest
from buildkit.errors import BuildError, Span
from buildkit.graph.image_documents import INDEXES, LockedDocument, LockedImage, descriptor, locked_image, parsed
from buildkit.records import dataclass

COLUMNS = ("platform", "role", "mediaType", "size", "sha256", "document")
_ANY = "-"
_ROLES = ("config", "index", "manifest")
_PLATFORM = re.compile(r"-|[a-z0-9]+/[a-z0-9_]+(?:/[a-z0-9.]+)?")
_WORD = re.compile(r"[!-~]{1,127}")
_SIZE = re.compile(r"0|[1-9][0-9]{0,17}")
_HEX = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class BaseImages:
    """What a lock holds of an image: its index, if it has one, and the image of each platform, sorted."""

    index: LockedDocument | None
    images: tuple[LockedImage, ...]

    @property
    def digest(self) -> Digest:
        """What the image's name stood for: its index, or its only manifest."""
        return (self.index or self.images[0].manifest).digest


def base_images(index: LockedDocument | None, images: Iterable[LockedImage]) -> BaseImages:
    """Check that the images are the index's. Raises BuildError."""
    found = tuple(sorted(images, key=lambda image: image.platform))
    if not found:
        raise BuildError("the image has no platform")
    if index is None and len(found) > 1:
        raise BuildError(f"an image without an index is for one platform, found {len(found)}")
    if index:
        rows = parsed(index, "index").get("manifests")
        digests = {descriptor(row, "entry of the index") for row in rows} if isinstance(rows, list) else set()
        for image in found:
            if image.manifest.digest not in digests:
                raise BuildError(f"the index does not name the manifest of {image.platform}, {image.manifest.digest}")
    return BaseImages(index, found)


def render_images(found: BaseImages) -> list[str]:
    """The lines, sorted."""
    rows = [(_ANY, "index", found.index)] if found.index else []
    for image in found.images:
        rows += [(image.platform, "config", image.config), (image.platform, "manifest", image.manifest)]
    return sorted(_line(*row) for row in rows)


def _line(platform: str, role: str, document: LockedDocument) -> str:
    digest, text = document.digest, json.dumps(document.data.decode("utf-8"))
    return f"{platform} {role} {document.media_type} {digest.size} {digest.hex} {text}"


def parse_images(lines: Sequence[tuple[int, str]], path: str, hint: str) -> BaseImages:
    """Read numbered lines. Raises BuildError with its place in `path`."""
    documents: dict[tuple[str, str], tuple[int, LockedDocument]] = {}
    for number, line in lines:
        platform, role, document = _parsed_line(line, path, number, hint)
        if (platform, role) in documents:
            raise _fault(f"lock has the {role} of '{platform}' twice", path, number, hint)
        documents[platform, role] = number, document
    _, index = documents.pop((_ANY, "index"), (0, None))
    images = [
        _image(platform, documents, path, hint) for platform in dict.fromkeys(platform for platform, _ in documents)
    ]
    first = lines[0][0] if lines else 1
    try:
        return base_images(index, images)
    except BuildError as fault:
        raise _fault(fault.message, path, first, hint) from None


def _image(
    platform: str, documents: dict[tuple[str, str], tuple[int, LockedDocument]], path: str, hint: str
) -> LockedImage:
    known = {role: documents[platform, role] for role in _ROLES if (platform, role) in documents}
    number = min(number for number, _ in known.values())
    if sorted(known) != ["config", "manifest"] or platform == _ANY:
        expected = "index" if platform == _ANY else "config and manifest"
        raise _fault(
            f"lock has {' and '.join(sorted(known))} for '{platform}', expected {expected}", path, number, hint
        )
    try:
        return locked_image(platform, known["manifest"][1], known["config"][1])
    except BuildError as fault:
        raise _fault(fault.message, path, known["manifest"][0], hint) from None


def _parsed_line(line: str, path: str, number: int, hint: str) -> tuple[str, str, LockedDocument]:
    words = line.split(" ", len(COLUMNS) - 1)
    if len(words) != len(COLUMNS):
        raise _fault(
            f"lock entry has {len(words)} columns, expected {len(COLUMNS)}: {' '.join(COLUMNS)}", path, number, hint
        )
    platform, role, media_type, size, sha256, text = words
    start = 1
    for column, word in zip(COLUMNS, words, strict=True):
        check, expected = _CHECKS[column]
        if check and not check.fullmatch(word):
            message = f"lock entry has {column} {word[:80]!r}, expected {expected}"
            raise BuildError(message, span=Span(path, number, start, number, start + len(word)), hint=hint)
        start += len(word) + 1
    document = LockedDocument(media_type, _bytes(text, path, number, hint))
    if document.digest != Digest(sha256, int(size)):
        raise _fault(
            f"the document is {document.digest} ({document.digest.size} bytes), "
            f"the lock's entry says sha256:{sha256} ({size} bytes)",
            path,
            number,
            hint,
        )
    if role == "index" and media_type not in INDEXES:
        raise _fault(f"lock entry has media type {media_type!r}, expected an index's", path, number, hint)
    return platform, role, document


def _bytes(text: str, path: str, number: int, hint: str) -> bytes:
    try:
        found = json.loads(text)
        if isinstance(found, str):
            return found.encode("utf-8")
    except (ValueError, RecursionError):
        pass
    raise _fault("the document is not written as a JSON string", path, number, hint)


def _fault(message: str, path: str, number: int, hint: str) -> BuildError:
    return BuildError(message, span=Span(path, number, 1, number, 2), hint=hint)


_CHECKS: dict[str, tuple[re.Pattern[str] | None, str]] = {
    "platform": (_PLATFORM, "a platform such as 'linux/amd64', or '-'"),
    "role": (re.compile("|".join(_ROLES)), "one of " + ", ".join(_ROLES)),
    "mediaType": (_WORD, "a media type"),
    "size": (_SIZE, "a number of bytes"),
    "sha256": (_HEX, "64 lower-case hexadecimal digits"),
    "document": (None, ""),
}
