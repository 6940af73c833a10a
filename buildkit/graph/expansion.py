"""`ctx.expand_location`: `$(location //a:b)` in a text becomes the path at which a command finds that target's file.

In: a text, and the targets that it may name. Out: the text with paths; `$$` is left as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from buildkit.errors import BuildError
from buildkit.graph.target_value import TargetValue
from buildkit.label import Label

_PLACE = re.compile(r"\$\((location|locations|execpath|execpaths|rootpath|rootpaths)\s+([^)]*)\)")


def expand_location(text: str, owner: Label, targets: Iterable[TargetValue], outputs: Mapping[str, str]) -> str:
    """Replace each place. `outputs` are the target's own: path by name. Raises BuildError for a label of none."""
    known = {
        label: [artifact.path for artifact in target.artifacts]
        for target in targets
        for label in (target.label, *target.aliases)
    }
    return _PLACE.sub(lambda found: _paths(found[1], found[2].strip(), owner, known, outputs), text)


def _paths(word: str, name: str, owner: Label, known: Mapping[Label, list[str]], outputs: Mapping[str, str]) -> str:
    if name.removeprefix(":") in outputs:
        return outputs[name.removeprefix(":")]
    label = Label.parse(name, owner.package, owner.repository)
    if label not in known:
        known_by = "name a target of the rule's attributes, or of 'targets'"
        raise BuildError(f"'$({word} {name})': '{label}' is not a dependency of '{owner}'", hint=known_by)
    paths = known[label]
    if not word.endswith("s") and len(paths) != 1:
        hint = f"use $({word}s {name}) for all of them" if paths else None
        raise BuildError(f"'$({word} {name})': '{label}' has {len(paths)} files, expected one", hint=hint)
    return " ".join(sorted(paths))
