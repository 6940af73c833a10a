"""A diagram as one HTML page: the SVG, and a little script that shows what a box needs and what needs it.

In: a `Diagram` and a title. Out: HTML text that loads nothing from elsewhere.
"""

from __future__ import annotations

from xml.sax.saxutils import escape

from buildkit.report.image.text import printable
from buildkit.report.picture.nodes import Diagram
from buildkit.report.picture.svg import svg

_STYLE = """
body { margin: 0; font: 13px system-ui, sans-serif; color: #111827 }
header { position: sticky; top: 0; background: #f9fafb; border-bottom: 1px solid #e5e7eb; padding: 8px 16px }
input { font: inherit; padding: 4px 8px; width: 20em }
main { overflow: auto }
.dim { opacity: 0.12 }
.node { cursor: pointer }
.lit { stroke: #111827; stroke-width: 2 }
.tip.lit { fill: #111827; stroke: none }
"""
_SCRIPT = """
const nodes = [...document.querySelectorAll('.node')], lines = [...document.querySelectorAll('[data-from]')];
function walk(start, from, to) {
  const seen = new Set([start]), left = [start];
  while (left.length) {
    const node = left.pop();
    for (const line of lines) if (line.dataset[from] === node && !seen.has(line.dataset[to])) {
      seen.add(line.dataset[to]); left.push(line.dataset[to]);
    }
  }
  return seen;
}
function show(kept, below, above) {
  for (const node of nodes) node.classList.toggle('dim', !!kept && !kept.has(node.dataset.node));
  for (const line of lines) {
    const {from, to} = line.dataset;
    const lit = !!below && (below.has(from) && below.has(to) || above.has(from) && above.has(to));
    line.classList.toggle('lit', lit); line.classList.toggle('dim', !!kept && !lit);
  }
}
let chosen = null;
for (const node of nodes) node.addEventListener('click', () => {
  const id = node.dataset.node;
  chosen = chosen === id ? null : id;
  if (chosen === null) return show(null);
  const below = walk(id, 'from', 'to'), above = walk(id, 'to', 'from');
  show(new Set([...below, ...above]), below, above);
});
document.querySelector('input').addEventListener('input', event => {
  const text = event.target.value; chosen = null;
  show(text ? new Set(nodes.filter(n => n.dataset.title.includes(text)).map(n => n.dataset.node)) : null);
});
"""


def html(diagram: Diagram, title: str) -> str:
    """The page."""
    title = printable(title)
    return (
        "<!doctype html>\n"
        f'<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title><style>{_STYLE}</style></head>\n'
        "<body><header><input placeholder='find a target' aria-label='find a target'> "
        "click a box to see what it needs and what needs it</header>\n"
        f"<main>{svg(diagram, title)}</main>\n<script>{_SCRIPT}</script></body></html>\n"
    )
