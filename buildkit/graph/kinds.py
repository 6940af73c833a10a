"""The kinds of targets that the graph itself knows: what configures it, and `alias`.

In: calls in BUILD files. Out: targets without an implementation; `conditions` and `analysis` read their attributes.
"""

from __future__ import annotations

from buildkit.errors import Span
from buildkit.graph.attribute import Attribute
from buildkit.graph.package import PUBLIC
from buildkit.graph.rule import Rule
from buildkit.lang import Value

ARCHITECTURES = ("amd64", "arm64")
SYSTEMS = ("linux",)


def _kind(name: str, doc: str, **attributes: Attribute) -> Rule:
    rule = Rule(None, attributes, test=False, doc=doc, span=Span("BUILD", 1, 1, 1, 1))
    rule.exported(name)
    return rule


def _fixed(kind: str, doc: str, *, mandatory: bool = False, values: tuple[Value, ...] = ()) -> Attribute:
    return Attribute(kind, mandatory=mandatory, values=values, configurable=False, doc=doc)


ALIAS = _kind(
    "alias",
    """Another name for a target.

    Example:
        ```python
        alias(
            name = "current",
            actual = ":fraud_v3",
        )
        ```
    """,
    actual=Attribute("label", mandatory=True, allow_files=True, doc="The target; a select may choose it."),
)
CONFIG_SETTING = _kind(
    "config_setting",
    """A condition of select(): holds where all that it asks for does.

    Example:
        ```python
        config_setting(
            name = "small",
            define_values = {"size": "small"},
        )

        filegroup(
            name = "data",
            srcs = select({
                ":small": ["sample.csv"],
                "//conditions:default": ["all.csv"],
            }),
        )
        ```
    """,
    define_values=_fixed("string_dict", "Values that --define must have given."),
    constraint_values=_fixed("label_list", "What the platform must have."),
    values=_fixed("string_dict", "Flags and their values: 'define' as 'NAME=VALUE', 'platform' as a label."),
)
CONSTRAINT_SETTING = _kind(
    "constraint_setting",
    """A property that platforms differ in.

    Example:
        ```python
        constraint_setting(
            name = "accelerator",
            default_constraint_value = "cpu",
        )

        constraint_value(
            name = "cpu",
            constraint_setting = ":accelerator",
        )
        ```
    """,
    default_constraint_value=_fixed("string", "The value of a platform that gives none: a name in this package."),
)
CONSTRAINT_VALUE = _kind(
    "constraint_value",
    """One value of a constraint_setting; as a condition of select() it holds where the platform has it.

    Example:
        ```python
        constraint_value(
            name = "gpu",
            constraint_setting = ":accelerator",
        )
        ```
    """,
    constraint_setting=_fixed("label", "The property that it is a value of.", mandatory=True),
)
PLATFORM = _kind(
    "platform",
    """What --platform names: where images are to run.

    Example:
        ```python
        platform(
            name = "arm",
            arch = "arm64",
            constraint_values = [":gpu"],
        )
        ```
    """,
    constraint_values=_fixed("label_list", "Its properties, one of each constraint_setting."),
    parents=_fixed("label_list", "One platform, whose properties it has where it gives none of its own."),
    os=_fixed("string", "The system, as images name it; by default linux.", values=("", *SYSTEMS)),
    arch=_fixed(
        "string",
        "The processor, as images name it; by default what constraint_values say.",
        values=("", *ARCHITECTURES),
    ),
    variant=_fixed("string", "The processor's variant, such as v8."),
)
TEST_SUITE = _kind(
    "test_suite",
    "Several tests under one name; without `tests`, all of the package that are not manual.",
    tests=_fixed("label_list", "Tests and other suites."),
)
TEST_SUITE.testonly = True
for _public in (CONFIG_SETTING, CONSTRAINT_SETTING, CONSTRAINT_VALUE, PLATFORM):  # as in Bazel
    _public.visibility = (PUBLIC,)
KINDS: dict[str, Rule] = {
    kind.name: kind for kind in (ALIAS, CONFIG_SETTING, CONSTRAINT_SETTING, CONSTRAINT_VALUE, PLATFORM)
}
