"""The facts of .bzl files → Markdown: one page a file, and an index of all names.

In: `buildkit.graph.documentation` values. Out: texts by page name. The same facts give the same bytes.
"""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterator, Mapping, Sequence

from buildkit.graph.documentation import (
    AttributeFacts,
    ConstantFacts,
    Facts,
    FunctionFacts,
    Module,
    ProviderFacts,
    RuleFacts,
    common_attributes,
)

INDEX = "index.md"
_NONE = "—"
_ORDER = (RuleFacts, FunctionFacts, ProviderFacts, ConstantFacts)  # on a page


def pages(modules: Sequence[Module], *, title: str, head: str = "", prelude: Collection[str] = ()) -> dict[str, str]:
    """All pages by name. `prelude` are the names that BUILD files know without a load; files that make nothing
    of their own have no page.
    """
    shown = [module for module in modules if module.symbols]
    links = {
        symbol.name: f"{page_name(module)}#{_anchor(symbol.name)}" for module in shown for symbol in module.symbols
    }
    made = {page_name(module): _text(_page(module, links, prelude)) for module in shown}
    return {INDEX: _text(_index(shown, title, head)), **dict(sorted(made.items()))}


def page_name(module: Module) -> str:
    """`tools/count.bzl` → `tools/count.md`; the standard rules' stand without their folder."""
    label = module.label
    path = label.name if label.repository else label.path
    name = path.removesuffix(".bzl") + ".md"
    return name if name != INDEX else f"{path}.md"


def _text(lines: Iterator[str]) -> str:
    return "\n".join(lines).rstrip() + "\n"


def _index(modules: Sequence[Module], title: str, head: str) -> Iterator[str]:
    yield f"# {title}\n"
    if head:
        yield head.rstrip() + "\n"
    for kind, word in ((RuleFacts, "Rules"), (FunctionFacts, "Functions"), (ProviderFacts, "Providers")):
        rows = sorted(
            (symbol.name, module, symbol.doc.summary)
            for module in modules
            for symbol in module.symbols
            if isinstance(symbol, kind)
        )
        if rows:
            yield f"## {word}\n\n| | | |\n|---|---|---|"
            for name, module, summary in rows:
                page = page_name(module)
                yield f"| [`{name}`]({page}#{_anchor(name)}) | {_cell(summary)} | [{module.label.name}]({page}) |"
            yield ""
    yield "## Attributes of all rules\n"
    yield from _attributes(common_attributes(), {})


def _page(module: Module, links: Mapping[str, str], prelude: Collection[str]) -> Iterator[str]:
    folder = posixpath.dirname(page_name(module)) or "."
    near = {name: posixpath.relpath(link, folder) for name, link in links.items()}
    yield f"# {module.label.name}\n"
    if module.doc.text:
        yield module.doc.text + "\n"
    yield from _loading(module, prelude)
    for symbol in sorted(module.symbols, key=lambda symbol: _ORDER.index(type(symbol))):
        yield f"## {symbol.name}\n"
        yield from _symbol(symbol, near, posixpath.relpath(INDEX, folder))


def _loading(module: Module, prelude: Collection[str]) -> Iterator[str]:
    known = [symbol.name for symbol in module.symbols if symbol.name in prelude]
    others = [symbol.name for symbol in module.symbols if symbol.name not in prelude]
    if known:
        yield f"BUILD files know {_listed(known)} without a `load`.\n"
    if others:
        names = "".join(f', "{name}"' for name in sorted(others))
        yield f'```python\nload("{module.label}"{names})\n```\n'


def _symbol(symbol: Facts, links: Mapping[str, str], index: str) -> Iterator[str]:
    if isinstance(symbol, RuleFacts):
        yield from _prose(symbol.doc.text)
        yield from _prose(" ".join(_traits(symbol, links)))
        if symbol.attributes:
            yield from _attributes(symbol.attributes, links)
        yield f"Also the [attributes of all rules]({index}#attributes-of-all-rules).\n"
    elif isinstance(symbol, FunctionFacts):
        yield from _function(symbol)
    elif isinstance(symbol, ProviderFacts):
        yield from _provider(symbol)
    else:
        yield f"A constant: `{symbol.type}`.\n"
        return
    if symbol.doc.example:
        yield "**Example**\n"
        yield symbol.doc.example + "\n"


def _traits(rule: RuleFacts, links: Mapping[str, str]) -> Iterator[str]:
    if rule.test:
        yield "It is a test: `mbuild test` runs it."
    elif rule.executable:
        yield "It makes a program."
    if rule.outputs:
        yield "It makes " + ", ".join(f"`{pattern}`" for pattern in rule.outputs) + "."
    if rule.provides:
        yield "It provides " + ", ".join(_linked(name, links) for name in rule.provides) + "."


def _prose(text: str) -> Iterator[str]:
    if text.strip():
        yield text.strip() + "\n"


def _attributes(attributes: Sequence[AttributeFacts], links: Mapping[str, str]) -> Iterator[str]:
    yield "| attribute | type | default | |\n|---|---|---|---|"
    for attribute in attributes:
        default = "**mandatory**" if attribute.mandatory else _code(attribute.default)
        yield f"| `{attribute.name}` | {_kind(attribute.kind)} | {default} | {_cell(_notes(attribute, links))} |"
    yield ""


def _kind(kind: str) -> str:
    return kind.partition(" (")[0].removeprefix("a ").removeprefix("an ").removeprefix("the ")


def _notes(attribute: AttributeFacts, links: Mapping[str, str]) -> str:
    notes = [f"**Deprecated**: {attribute.deprecated}."] if attribute.deprecated else []
    notes += [attribute.doc] if attribute.doc else []
    if values := [value for value in attribute.values if value != '""']:
        notes.append("One of " + ", ".join(f"`{value}`" for value in values) + ".")
    if attribute.files and attribute.files != ("*",):
        notes.append("Files: " + ", ".join(f"`{ending}`" for ending in attribute.files) + ".")
    if attribute.providers:
        sets = [" and ".join(_linked(name, links) for name in one) for one in attribute.providers]
        notes.append("Its targets provide " + ", or ".join(sets) + ".")
    if attribute.rules:
        notes.append("Its targets are of " + ", ".join(f"`{rule}`" for rule in attribute.rules) + ".")
    if not attribute.configurable and attribute.name != "name":
        notes.append("It takes no `select`.")
    return " ".join(notes)


def _linked(name: str, links: Mapping[str, str]) -> str:
    return f"[`{name}`]({links[name]})" if name in links else f"`{name}`"


def _function(function: FunctionFacts) -> Iterator[str]:
    shown = [one.name + (f" = {one.default}" if one.default else "") for one in function.parameters]
    yield f"```python\n{function.name}({', '.join(shown)})\n```\n"
    yield from _prose(function.doc.text)
    if any(one.doc for one in function.parameters):
        yield "| parameter | default | |\n|---|---|---|"
        for one in function.parameters:
            default = _NONE if one.name.startswith("*") else _code(one.default) if one.default else "**mandatory**"
            yield f"| `{one.name}` | {default} | {_cell(one.doc)} |"
        yield ""
    if function.doc.returns:
        yield f"Returns {function.doc.returns[:1].lower() + function.doc.returns[1:]}\n"


def _provider(provider: ProviderFacts) -> Iterator[str]:
    yield from _prose(provider.doc.text)
    if provider.fields is None:
        yield "It takes any fields.\n"
    elif provider.fields:
        yield "| field | |\n|---|---|"
        for name, meaning in provider.fields:
            yield f"| `{name}` | {_cell(meaning)} |"
        yield ""


def _code(text: str) -> str:
    return f"`{text}`".replace("|", "\\|") if text else _NONE


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _listed(names: Sequence[str]) -> str:
    quoted = [f"`{name}`" for name in names]
    return quoted[0] if len(quoted) == 1 else ", ".join(quoted[:-1]) + " and " + quoted[-1]


def _anchor(name: str) -> str:
    return name.lower()
