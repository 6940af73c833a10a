"""Lists of strings: sorted, each string once; and where a line breaks before one, it breaks inside it instead."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from buildkit.lang.format import labels, layout, tables
from buildkit.lang.format.layout import DO_NOT_SORT, KEEP_SORTED, LEAVE_ALONE, Comments, Node, says
from buildkit.lang.format.walk import Visit


def sort(visits: Sequence[Visit], *, build_file: bool) -> None:
    """Sort the lists of known attributes (in a BUILD file), and those whose comment says 'keep sorted'."""
    for node, alone, _ in visits:
        if isinstance(node, layout.Call):
            if build_file and not alone:
                _sort_attributes(node)
        elif isinstance(node, layout.Assign | layout.Pair):
            if says(node, KEEP_SORTED):
                labels.each_value(node.value, _sorted)
        elif isinstance(node, layout.Group) and any(says(one, KEEP_SORTED) for one in (node, *node.items[:1])):
            _sorted(node)


def _is_list(node: Node) -> bool:
    return isinstance(node, layout.Group) and node.kind == "["


def _sort_attributes(call: layout.Call) -> None:
    for item in call.items:
        if not isinstance(item, layout.Assign) or not isinstance(item.target, layout.Name):
            continue
        name = item.target.text
        if name not in tables.SORTED or (call.name, name) in tables.UNSORTED or says(item, LEAVE_ALONE):
            continue
        if says(item, DO_NOT_SORT):
            _once(item.value)
        else:
            labels.each_value(item.value, _sorted)


def _sorted(node: Node) -> Node:
    if not isinstance(node, layout.Group) or node.kind != "[" or len(node.items) < 2:
        return node
    first = node.items[0]
    kept = says(node, KEEP_SORTED) or says(first, KEEP_SORTED)
    if says(first, DO_NOT_SORT) or (not kept and _has_line_comments(node)):
        _once(node)
    else:
        node.items = [item for chunk in _chunks(node.items) for item in _sorted_chunk(chunk)]
    return node


def _has_line_comments(node: layout.Group) -> bool:
    closing = node.closing.before if node.closing else []
    return bool(node.before or node.after or closing or any(item.before for item in node.items))


def _chunks(items: Sequence[Node]) -> Iterator[list[Node]]:
    """Runs of strings; another expression is alone, and a comment above a string starts a run."""
    chunk: list[Node] = []
    for item in items:
        if chunk and (not isinstance(item, layout.Text) or item.before or not isinstance(chunk[-1], layout.Text)):
            yield chunk
            chunk = []
        chunk.append(item)
    if chunk:
        yield chunk


def _sorted_chunk(chunk: list[Node]) -> list[Node]:
    texts = [item for item in chunk if isinstance(item, layout.Text)]
    if len(texts) != len(chunk):
        return chunk
    before, texts[0].before = texts[0].before, []
    found: list[Node] = []
    previous: layout.Text | None = None
    for item in sorted(texts, key=_order):
        if previous is not None and previous.value == item.value:
            previous.suffix = previous.suffix + item.suffix
            continue
        found.append(item)
        previous = item
    found[0].before = before
    return found


def _order(node: layout.Text) -> tuple[int, list[str], str]:
    """Files before `:names`, those before `//labels`, those before `@repository//labels`."""
    value = node.value
    phase = 1 if value[:1] == ":" else 2 if value[:2] == "//" else 3 if value[:1] == "@" else 0
    return phase, value.replace(":", ".").split("."), value


def _once(node: Node) -> None:
    """Drop what a list holds twice; comments stay."""
    if not isinstance(node, layout.Group) or node.kind != "[":
        return
    seen: dict[str, Node] = {}
    found: list[Node] = []
    waiting: Comments = []
    for item in node.items:
        if isinstance(item, layout.Text):
            if item.value in seen:
                waiting += item.before
                seen[item.value].suffix += item.suffix
                continue
            seen[item.value] = item
        if isinstance(item, layout.Text) and waiting:
            item.before = waiting + item.before
            waiting = []
        found.append(item)
    if waiting and node.closing:
        node.closing.before = waiting + node.closing.before
    node.items = found


def join_lines(node: layout.Binary) -> None:
    """In sums with lists: `+` at a line's end, then `[`, is rather one line with a list over several."""
    start = 0
    while start < len(node.operators):
        end = start
        while end < len(node.operators) and node.operators[end] == "+":
            end += 1
        if end > start:
            _join(node, start, end)
        start = end + 1


def _join(node: layout.Binary, start: int, end: int) -> None:
    """One run of additions, `operators[start:end]`."""
    added = [(index > start or start == 0) and _ends_in_list(node.operands[index]) for index in range(start, end + 1)]
    if not any(added):
        return
    for index in range(start, end):
        if node.breaks[index] and (
            _force(node.operands[index + 1]) or ((index > start or start == 0) and _takes_lines(node.operands[index]))
        ):
            node.breaks[index] = False


def _only_argument(node: Node) -> Node | None:
    if isinstance(node, layout.Chain):
        link = node.links[-1]
        if isinstance(link, layout.Call) and len(link.items) == 1:
            return link.items[0]
    return None


def _ends_in_list(node: Node) -> bool:
    """Whether it is a list, or a call of something with one: `glob([…])`."""
    inner = _only_argument(node)
    return _is_list(node) or (inner is not None and _ends_in_list(inner))


def _takes_lines(node: Node) -> bool:
    if isinstance(node, layout.Group) and node.kind == "[":
        return node.forced or len(node.items) > 1
    if isinstance(node, layout.Chain) and isinstance(node.links[-1], layout.Call):
        call = node.links[-1]
        if call.forced or (len(call.items) > 1 and not call.compact):
            return True
        return len(call.items) == 1 and _takes_lines(call.items[0])
    return False


def _force(node: Node) -> bool:
    """Let a list take several lines; whether there is one."""
    if isinstance(node, layout.Group) and node.kind == "[":
        if not node.forced and not (len(node.items) == 1 and _force(node.items[0])):
            node.forced = True
        return True
    inner = _only_argument(node)
    return inner is not None and _force(inner)
