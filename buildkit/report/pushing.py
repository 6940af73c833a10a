"""What a push will move, or has moved, for a person and for a program.

In: a `Plan` or what came of it. Out: lines, or plain data for JSON.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from buildkit.digest import size_text
from buildkit.registry import Plan, Pushed, Step, Way

_VERBS = {
    Way.UPLOAD: "to be uploaded",
    Way.COPY: "to be copied from another registry",
    Way.MOUNT: "to be mounted",
    Way.SKIP: "there already",
}


def plan_lines(plan: Plan) -> Iterator[str]:
    """A line for each blob, one for the manifests, one for each tag of several, and the sums."""
    width = max([len(step.blob.name) for step in plan.steps], default=0)
    for step in plan.steps:
        origin = f"  from {_place(step)}" if step.origin else ""
        short = step.blob.digest.hex[:12]
        yield f"{step.way:<6}  {size_text(step.blob.digest.size):>9}  {step.blob.name:<{width}}  {short}{origin}"
    manifests = plan.contents.manifests
    what = "manifest" if len(manifests) == 1 else f"{len(manifests)} manifests"
    size = sum(len(manifest.data) for manifest in manifests)
    yield f"{Way.UPLOAD:<6}  {size_text(size):>9}  {what:<{width}}  {plan.contents.root.digest.hex[:12]}"
    sums = (
        f"{size_text(plan.bytes(way))} {verb}" for way, verb in _VERBS.items() if plan.bytes(way) or way is Way.UPLOAD
    )
    if plan.further:
        yield from (f"{'tag':<6}  {'':>9}  {tag}" for tag in plan.tags)
    yield f"{plan.reference}: {', '.join(sums)}"


def plan_data(plan: Plan) -> dict[str, Any]:
    """The same for a program; sizes are in bytes."""
    return {
        **pushed_data(plan),
        "bytes": {str(way): plan.bytes(way) for way in Way},
        "blobs": [
            {
                "digest": str(step.blob.digest),
                "size": step.blob.digest.size,
                "name": step.blob.name,
                "way": str(step.way),
                **({"from": _place(step)} if step.origin else {}),
            }
            for step in plan.steps
        ],
        "manifests": [
            {"digest": str(manifest.digest), "size": len(manifest.data), "media_type": manifest.media_type}
            for manifest in plan.contents.manifests
        ],
    }


def pushed_data(plan: Plan) -> dict[str, Any]:
    """What a push brings about: where the image is, and its digest there."""
    return {"reference": str(plan.reference), "tags": list(plan.tags), "digest": str(plan.contents.root.digest)}


def pushed_text(pushed: Pushed) -> str:
    """What moved, in one line.

    >>> from buildkit.digest import Digest
    >>> pushed_text(Pushed(Digest.of(b""), 1500, 0, 20_000_000))
    'pushed 1.5 kB; 20.0 MB were there already'
    """
    parts = [f"pushed {size_text(pushed.uploaded)}"]
    if pushed.mounted:
        parts.append(f"{size_text(pushed.mounted)} mounted")
    if pushed.skipped:
        parts.append(f"{size_text(pushed.skipped)} were there already")
    return "; ".join(parts)


def _place(step: Step) -> str:
    return f"{step.origin.host}/{step.origin.repository}" if step.origin else ""
