"""A target's graph as a picture, drawn without any other program.

In: targets and their dependencies. Out: SVG or HTML text, the same for the same graph.
"""

from buildkit.report.picture.html import html
from buildkit.report.picture.nodes import Diagram, Node, diagram
from buildkit.report.picture.svg import svg

__all__ = ["Diagram", "Node", "diagram", "html", "svg"]
