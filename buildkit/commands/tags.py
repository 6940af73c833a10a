"""`mbuild tags`, `mbuild tag`, `mbuild promote`: names of what a registry holds; digests move, bytes do not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from buildkit.commands.images import named
from buildkit.commands.registries import registry_of
from buildkit.commands.session import Session
from buildkit.digest import Digest
from buildkit.errors import BuildError, EnvironmentFault
from buildkit.records import dataclass
from buildkit.reference import Reference, check_tag
from buildkit.registry import Document, Registry, RegistrySource, copy_image
from buildkit.registry.referrers import is_fallback_tag, list_unlisted

_TRANSFERS = 4


@dataclass(frozen=True, slots=True)
class Tagged:
    """A tag that names a digest now, and what it named before, if anything; `copied` bytes could not be mounted."""

    place: Reference
    digest: Digest
    before: Digest | None
    mounted: int = 0
    copied: int = 0


def tags(session: Session, text: str, *, plain_http: bool, every: bool) -> list[str]:
    """The tags of a repository, sorted; those that only list referrers if `every` is asked for."""
    place = Reference.parse(text)
    if place.tag or place.digest:
        raise BuildError(f"'{text}' is not a repository", hint=f"write '{place.host}/{place.repository}'")
    session.needs_network("listing tags")
    found = sorted(registry_of(session, place.host, plain_http).tags(place.repository))
    return [name for name in found if every or not is_fallback_tag(name)]


def tag(session: Session, text: str, new: Sequence[str], *, plain_http: bool) -> list[Tagged]:
    """Let further tags of the repository name what a reference names. All names are checked before one is written."""
    place = Reference.parse(text)
    for name in new:
        check_tag(name)
    session.needs_network("tagging")
    registry = registry_of(session, place.host, plain_http)
    registry.access(place.repository, push=True)
    found = named(registry, place)
    return [_tag(registry, replace(place, tag=name, digest=None), found) for name in dict.fromkeys(new)]


def promote(session: Session, text: str, to: Sequence[str], *, plain_http: bool) -> list[Tagged]:
    """Let tags, of this repository or of others of the host, name what a reference names. All are checked before one
    is written.
    """
    place = Reference.parse(text)
    targets = [_promoted(place, text, name) for name in to]
    session.needs_network("promoting")
    registry = registry_of(session, place.host, plain_http)
    for repository in sorted({target.repository for target in targets}):
        registry.access(repository, push=True, sources=[place.repository])
    found = named(registry, place)
    return [_promote(session, registry, place, target, found) for target in dict.fromkeys(targets)]


def _promoted(place: Reference, text: str, to: str) -> Reference:
    """The tag that `to` means."""
    target = Reference.parse(to) if "/" in to else Reference(place.host, place.repository, check_tag(to))
    if target.host != place.host:
        raise BuildError(
            f"'{to}' is at another host than '{text}', and a promotion moves no bytes",
            hint=f"write 'mbuild copy {text} {to}'",
        )
    if not target.tag or target.digest:
        raise BuildError(f"'{to}' is not a tag", hint=f"write '{target.host}/{target.repository}:TAG'")
    return target


def _promote(session: Session, registry: Registry, place: Reference, target: Reference, found: Document) -> Tagged:
    if target.repository == place.repository:
        return _tag(registry, target, found)
    before = _digest(registry, target)
    jobs = session.options.jobs or _TRANSFERS
    source = RegistrySource(registry, replace(place, tag=None, digest=str(found.digest)))
    pushed = copy_image(source, found.digest, target, registry, session.listener, jobs)
    list_unlisted(registry, target.repository, pushed.unlisted)
    return Tagged(target, found.digest, before, pushed.mounted, pushed.uploaded)


def _tag(registry: Registry, target: Reference, found: Document) -> Tagged:
    before = _digest(registry, target)
    if before != found.digest:
        registry.push_manifest(target.repository, str(target.tag), found.data, found.media_type)
        now = _digest(registry, target)
        if now != found.digest:
            raise EnvironmentFault(
                f"'{target}' names {now or 'nothing'} just after it was set to {found.digest}",
                hint="try again; perhaps somebody else writes the same tag",
            )
    return Tagged(target, found.digest, before)


def _digest(registry: Registry, place: Reference) -> Digest | None:
    found = registry.manifest(place.repository, str(place.tag))
    return found.digest if found else None
