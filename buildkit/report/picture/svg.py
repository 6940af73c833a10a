"""A diagram as SVG.

In: a `Diagram` and a title. Out: SVG text that needs no script, font or style from elsewhere; what no reader would see
in names, such as marks that turn the direction of writing, is written out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape, quoteattr

from buildkit.report.image.text import printable
from buildkit.report.picture.layout import ROW, Box, Layout, layout
from buildkit.report.picture.nodes import Diagram, Node

LETTER, SMALL_LETTER = 7.3, 6.1  # widths of monospaced letters of 12 and 10 pixels
LONGEST = 34  # letters in a box
MARGIN = 24.0
HEAD = 46.0
LEGEND_ROW = 20.0

# Pale fills with a dark edge of the same hue; told apart in print and by most colour-blind eyes.
COLOURS = (
    ("#dbeafe", "#1d4ed8"),
    ("#dcfce7", "#15803d"),
    ("#ffedd5", "#c2410c"),
    ("#ede9fe", "#6d28d9"),
    ("#fce7f3", "#be185d"),
    ("#fef9c3", "#a16207"),
    ("#cffafe", "#0e7490"),
    ("#e0e7ff", "#4338ca"),
    ("#fee2e2", "#b91c1c"),
    ("#ecfccb", "#4d7c0f"),
)
PLAIN = ("#f3f4f6", "#6b7280")  # files, and kinds beyond the palette


def svg(diagram: Diagram, title: str) -> str:
    """The whole picture: title, legend, lines below boxes."""
    title = printable(title)
    placed = layout([_width(node) for node in diagram.nodes], diagram.edges)
    colours = _colours(diagram.nodes)
    legend = _legend(diagram, colours)
    top = HEAD + LEGEND_ROW * len(legend) + 16
    width = max(placed.width, 420.0, (len(title) + 4) * 9.0) + 2 * MARGIN
    height = placed.height + top + MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
        f'height="{height:.0f}" font-family="DejaVu Sans Mono, Menlo, Consolas, monospace">',
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        f'<text x="{MARGIN:.0f}" y="30" font-size="16" font-weight="bold" fill="#111827">{escape(title)}</text>',
        *legend,
        f'<g transform="translate({MARGIN:.0f} {top:.0f})">',
        *_lines(diagram, placed),
        *(_box(number, node, placed.boxes[number], colours[node.kind]) for number, node in enumerate(diagram.nodes)),
        "</g>",
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _width(node: Node) -> float:
    return max(len(shortened(node.name)) * LETTER, len(shortened(node.place)) * SMALL_LETTER) + 20


def shortened(text: str) -> str:
    """A long name with its middle left out: beginning and end tell names apart."""
    if len(text) <= LONGEST:
        return text
    ahead = LONGEST // 2 - 1
    return f"{text[:ahead]}…{text[-(LONGEST - ahead - 1) :]}"


def _colours(nodes: Sequence[Node]) -> dict[str, tuple[str, str]]:
    counts = Counter(node.kind for node in nodes)
    kinds = sorted((kind for kind in counts if kind != "source file"), key=lambda kind: (-counts[kind], kind))
    return {kind: COLOURS[place] if place < len(COLOURS) else PLAIN for place, kind in enumerate(kinds)} | {
        "source file": PLAIN
    }


def _legend(diagram: Diagram, colours: dict[str, tuple[str, str]]) -> list[str]:
    """The kinds, in rows of four, and what is not shown one by one."""
    kinds = [kind for kind in colours if any(node.kind == kind for node in diagram.nodes)]
    step = max((len(kind) for kind in kinds), default=0) * SMALL_LETTER + 40
    rows: list[str] = []
    for start in range(0, len(kinds), 4):
        y, row = HEAD + LEGEND_ROW * len(rows), kinds[start : start + 4]
        rows.append("".join(_key(MARGIN + step * place, y, kind, colours[kind]) for place, kind in enumerate(row)))
    if diagram.left_out:
        rows.append(_text(MARGIN, HEAD + LEGEND_ROW * len(rows) + 10, 10, "#6b7280", diagram.left_out))
    return rows


def _text(x: float, y: float, size: int, colour: str, text: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}">{escape(printable(text))}</text>'


def _key(x: float, y: float, kind: str, colour: tuple[str, str]) -> str:
    fill, edge = colour
    return (f'<rect x="{x:.0f}" y="{y:.0f}" width="14" height="12" rx="3" fill="{fill}" stroke="{edge}"/>') + _text(
        x + 20, y + 10, 10, "#374151", kind
    )


def _lines(diagram: Diagram, placed: Layout) -> Iterator[str]:
    for (start, end), points in zip(diagram.edges, placed.lines, strict=True):
        yield (
            f'<path class="edge" data-from="{start}" data-to="{end}" d="{_curve(points)}" fill="none" '
            'stroke="#9ca3af" stroke-width="1.2"/>'
        )
        x, y = points[-1]
        yield (
            f'<path class="tip" data-from="{start}" data-to="{end}" d="M{x:.1f} {y:.1f} l-7 -3.5 v7 z" fill="#9ca3af"/>'
        )


def _curve(points: Sequence[tuple[float, float]]) -> str:
    """From box to box with level ends; straight through columns that it passes."""
    (x, y), *rest = points
    path = [f"M{x:.1f} {y:.1f}"]
    for number, (to_x, to_y) in enumerate(rest):
        if abs(to_y - y) < 0.1 or number % 2:
            path.append(f"L{to_x:.1f} {to_y:.1f}")
        else:
            middle = (x + to_x) / 2
            path.append(f"C{middle:.1f} {y:.1f} {middle:.1f} {to_y:.1f} {to_x:.1f} {to_y:.1f}")
        x, y = to_x, to_y
    return " ".join(path)


def _box(number: int, node: Node, box: Box, colour: tuple[str, str]) -> str:
    fill, edge = colour
    title = "\n".join(map(printable, node.title.split("\n")))
    top, stroke = box.y - ROW / 2, 2.6 if node.root else 1.0
    return (
        f'<g class="node" data-node="{number}" data-title={quoteattr(title.partition(chr(10))[0])}>'
        f"<title>{escape(title)}</title>"
        f'<rect x="{box.x:.1f}" y="{top:.1f}" width="{box.width:.1f}" height="{ROW:.0f}" rx="6" '
        f'fill="{fill}" stroke="{edge}" stroke-width="{stroke}"/>'
        f"{_text(box.x + 10, top + 13, 10, '#6b7280', shortened(node.place))}"
        f"{_text(box.x + 10, top + 27, 12, '#111827', shortened(node.name))}"
        "</g>"
    )
