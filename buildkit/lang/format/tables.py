"""Which names buildifier 8.2.1 knows: the order of arguments, and which attributes hold labels or lists to sort.

These are facts about another program, learnt from it, and a test compares the outcome with that program.
"""

from __future__ import annotations

# Attributes that hold one label or several: labels are spelt shortly in them.
LABELS = frozenset(
    """app_target appdir base_package build_deps cc_deps ccdeps common_deps compile_deps compiler data
    default_visibility dep deps deps_java dont_depend_on env_deps envscripts exported_deps exports externs_list files
    globals implementation implementation_deps implements includes interface jar jars javadeps lib_deps library malloc
    model mods module_deps module_target of plugins private_deps proto_deps proto_target protos resource resources
    runtime_deps scope shared_deps similar_deps source_jar src srcs stripped_targets suites swigdeps target
    target_devices target_platforms template test test_data test_deps test_srcs tests tests_deps tool tools
    visibility""".split()
)

# Where labels stay as they are: (rule, attribute).
LABELS_KEPT = frozenset([("package_group", "includes")])

# Attributes whose lists are sorted.
SORTED = frozenset(
    """cc_deps common_deps compile_deps configs constraints data default_visibility deps deps_java exported_deps exports
    filegroups files hdrs implementation_deps imports includes inherits javadeps lib_deps module_deps out outs packages
    plugin_modules private_deps proto_deps protos pubs resources runtime_deps shared_deps similar_deps srcs swigdeps
    swig_includes tags test_data test_deps test_srcs test_tags tests tools to_start_extensions visibility""".split()
)

# Where lists stay as they are: (rule, attribute).
UNSORTED = frozenset([("genrule", "outs"), ("genrule", "srcs"), ("cc_embed_data", "srcs")])

_FIRST = """name gwt_name package_name visible_node_name size timeout testonly src srcdir srcs out outs hdrs has_services
    include of baseline""".split()
_LAST = "destdir exports runtime_deps deps implementation implements alwayslink".split()

# Named arguments are sorted by this, then by name; those not listed have 0.
PRIORITY = {
    **{name: index - len(_FIRST) for index, name in enumerate(_FIRST)},
    **{name: index + 1 for index, name in enumerate(_LAST)},
}
RULE_PRIORITY = {
    ("archive_override", "module_name"): -len(_FIRST),
    ("git_override", "module_name"): -len(_FIRST),
    ("local_path_override", "module_name"): -len(_FIRST),
    ("multiple_version_override", "module_name"): -len(_FIRST),
    ("single_version_override", "module_name"): -len(_FIRST),
    ("bazel_dep", "version"): 1 - len(_FIRST),
    ("module", "version"): 1 - len(_FIRST),
}
