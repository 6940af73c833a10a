"""Comments inside statements → the pieces of the layout tree that they belong to.

A comment after code belongs to the outermost piece that ends before it; one on lines of its own, inside brackets, to
the outermost piece that starts after it, a closing bracket included.
"""

from __future__ import annotations

from collections.abc import Sequence

from buildkit.lang.format import layout
from buildkit.lang.format.tokens import Comment
from buildkit.lang.format.walk import postorder, preorder


def attach(file: layout.File, line_comments: Sequence[Comment], suffix_comments: Sequence[Comment]) -> None:
    """Give each comment its place in a file's tree."""
    if suffix_comments:
        _attach_suffixes(file, suffix_comments)
    if line_comments:
        _attach_lines(file, line_comments)


def _attach_suffixes(file: layout.File, comments: Sequence[Comment]) -> None:
    left = list(comments)
    for node in reversed([node for statement in file.statements for node in postorder(statement)]):
        if node.is_block or isinstance(node, layout.CommentBlock):
            continue
        while left and node.end <= left[-1].start:
            node.suffix.insert(0, left.pop())
        if not left:
            return
    file.before += left


def _attach_lines(file: layout.File, comments: Sequence[Comment]) -> None:
    left = list(reversed(comments))
    for statement in file.statements:
        for node in preorder(statement):
            taken = False
            while left and node.start >= left[-1].start:
                node.before.append(left.pop())
                taken = True
            if taken:
                node.before.sort(key=lambda comment: comment.start)
            if not left:
                return
    file.after += reversed(left)
