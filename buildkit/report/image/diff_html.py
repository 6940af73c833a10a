"""`mbuild image diff --html FILE`: a `Difference` → one HTML page.

In: a `Difference`. Out: HTML text that loads nothing, whatever names the images chose: every text is escaped, and a
content security policy lets no script run but the page's own, which is named by its hash.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from html import escape

from buildkit.digest import size_text
from buildkit.images.difference import Change, Difference
from buildkit.images.facts import LayerFacts
from buildkit.report.image.diff import (
    SIGNS,
    file_remark,
    inner_title,
    layers_title,
    members_title,
    tally,
    weights_title,
)
from buildkit.report.image.text import printable, short

_STYLE = """
body { margin: 0 auto; max-width: 70em; padding: 1em; font: 14px system-ui, sans-serif; color: #111827 }
code, td { font-family: ui-monospace, monospace; font-size: 13px; overflow-wrap: anywhere }
header { position: sticky; top: 0; background: #fff; border-bottom: 1px solid #e5e7eb; padding: 8px 0 }
input { font: inherit; padding: 4px 8px; width: 20em }
summary { font-weight: 600; cursor: pointer; padding: 8px 0 }
table { border-collapse: collapse; width: 100% }
td { padding: 2px 8px; vertical-align: top; border-top: 1px solid #f3f4f6 }
td:first-child { width: 1em; text-align: center }
.added { background: #ecfdf5 } .removed { background: #fef2f2 } .changed { background: #fffbeb }
.note { color: #6b7280 } .hidden { display: none }
"""
_SCRIPT = """
const rows = [...document.querySelectorAll('tr')], count = document.querySelector('#count');
function show(text) {
  let shown = 0;
  for (const row of rows) {
    const fits = row.textContent.toLowerCase().includes(text.toLowerCase());
    row.classList.toggle('hidden', !fits); shown += fits;
  }
  count.textContent = `${shown} of ${rows.length} changes`;
}
document.querySelector('input').addEventListener('input', event => show(event.target.value));
show('');
"""

Row = tuple[str, str, str]  # added, removed or changed; a name; what became of it


def diff_html(found: Difference) -> str:
    """The page."""
    script = base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{script}'"
    title = _text(f"{found.first[0]} → {found.second[0]}")
    body = "".join(_section(heading, rows) for heading, rows in _sections(found))
    notes = "".join(f'<p class="note">{_text(note)}</p>\n' for note in found.notes)
    return (
        "<!doctype html>\n"
        f'<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{policy}">'
        f"<title>{title}</title><style>{_STYLE}</style></head>\n<body><header><h1>{title}</h1>"
        f"<p><code>{found.first[1]}</code><br><code>{found.second[1]}</code></p>"
        "<p><input placeholder='find a change' aria-label='find a change'> <span id='count'></span></p></header>\n"
        f"{'<p>The images are identical.</p>' if found.identical else body}{notes}"
        f"<script>{_SCRIPT}</script></body></html>\n"
    )


def _sections(found: Difference) -> Iterator[tuple[str, list[Row]]]:
    if found.members:
        rows = list(_changes([*found.members.index, *found.members.changes]))
        yield _capitalized(members_title(found.members)), rows
        yield _capitalized(inner_title(found.members)), []
    if found.inner_identical:
        return
    if found.config:
        yield f"Config: {tally(found.config)}", list(_changes(found.config))
    for kind, changes in found.packages.items():
        yield f"{kind.capitalize()} packages: {tally(changes)}", list(_changes(changes))
    for weights in found.weights:
        yield _capitalized(weights_title(weights)), list(_changes(weights.tensors))
    if found.files:
        rows = [(change.kind, change.path, file_remark(change)) for change in found.files]
        yield f"Files: {tally(found.files)}", rows
    yield (
        _capitalized(layers_title(found)),
        [
            *_layers("removed", found.removed_layers),
            *_layers("added", found.added_layers),
        ],
    )


def _capitalized(text: str) -> str:
    """A title's first letter; `capitalize` would write the others small, units too."""
    return text[:1].upper() + text[1:]


def _changes(changes: Iterable[Change]) -> Iterator[Row]:
    for change in changes:
        yield change.kind, change.name, " → ".join(v for v in (change.before, change.after) if v is not None)


def _layers(kind: str, layers: Sequence[LayerFacts]) -> Iterator[Row]:
    for row in layers:
        digest = row.descriptor.digest
        yield kind, f"{short(digest)} {row.name}", " ".join(filter(None, (size_text(digest.size), row.why)))


def _section(title: str, rows: Sequence[Row]) -> str:
    body = "\n".join(
        f'<tr class="{kind}"><td>{SIGNS[kind]}</td><td>{_text(name)}</td><td>{_text(what)}</td></tr>'
        for kind, name, what in rows
    )
    return f"<details open><summary>{_text(title)}</summary><table>\n{body}\n</table></details>\n"


def _text(text: str) -> str:
    return escape(printable(text))
