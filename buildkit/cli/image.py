"""Look into images: of targets, layouts, archives and registries alike."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from buildkit.cli.arguments import Arguments, CommandParser
from buildkit.cli.opening import opened
from buildkit.cli.pull import chosen_platform
from buildkit.commands import image
from buildkit.commands.image import Asked, Named
from buildkit.commands.image_diff import diff
from buildkit.commands.images import is_target
from buildkit.commands.session import Session
from buildkit.digest import Digest
from buildkit.errors import EnvironmentFault, ExitCode
from buildkit.report.image.diff import diff_data, diff_lines
from buildkit.report.image.diff_html import diff_html
from buildkit.report.image.files import file_data, file_line
from buildkit.report.image.inspect import inspect_data, inspect_lines
from buildkit.report.image.layers import layer_data, layers_lines, shared_by, sharing_lines
from buildkit.report.image.members import index_data, index_lines, members_data, members_lines
from buildkit.report.image.text import printable
from buildkit.report.writing import write_line

IMAGE = "//package:target, oci:DIR[:TAG], oci-archive:FILE[:TAG], docker-archive:FILE[:TAG] or HOST/REPOSITORY:TAG"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`inspect IMAGE`, `layers IMAGE…`, `files IMAGE [PATTERN]`, `diff IMAGE OTHER`, `validate IMAGE`."""
    actions = parser.add_subparsers(
        dest="action", metavar="ACTION", required=True, parser_class=CommandParser, help="what to do"
    )
    inspect = _action(actions, "inspect", "what an image says of itself: platform, config, labels, size")
    inspect.add_argument("--raw", action="store_true", help="the exact bytes of its manifest, or of its index")
    inspect.add_argument("--raw-config", action="store_true", help="the exact bytes of its config")
    _action(actions, "layers", "its layers: size, compression, name, why, and who shares them", many=True)
    files = _action(actions, "files", "the files that a container sees, with mode, size and layer")
    files.add_argument("pattern", nargs="?", default="", metavar="PATTERN", help="a path, a name or a folder; * and ?")
    files.add_argument("--layer", type=_number, metavar="N", help="of one layer alone, whiteouts too; 1 is the lowest")
    differ = _action(actions, "diff", "what changed between two images: config, packages, weights, files, layers")
    differ.add_argument("other", metavar="OTHER", help="the second image")
    differ.add_argument("--html", metavar="FILE", help="write a web page too, which loads nothing from elsewhere")
    differ.add_argument("--deep", action="store_true", help="read layers that both share and all contents too")
    differ.add_argument("--exit-code", action="store_true", help="end with 1 if the images differ")
    _action(actions, "validate", "compute every digest anew, and hold all against the specification")


def _action(
    actions: argparse._SubParsersAction[CommandParser], name: str, help: str, *, many: bool = False
) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, help=help, description=help, allow_abbrev=False)
    parser.add_argument("images" if many else "image", nargs="+" if many else None, metavar="IMAGE", help=IMAGE)
    parser.add_argument("--plain-http", action="store_true", help="speak HTTP without TLS to the registry")
    return parser


def _number(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"must be a number from 1, found {text!r}")
    return int(text)


def run(arguments: Arguments) -> ExitCode:
    """Do what was asked; results on stdout."""
    has_targets = any(map(is_target, _images(arguments.own)))
    bare, platform = chosen_platform(arguments, has_targets=has_targets)
    with opened(bare) as (session, report):
        code = _ACTIONS[arguments.own["action"]](session, arguments, Asked(platform, bool(arguments.own["plain_http"])))
        if has_targets:
            report.finish(True)
    return code


def _images(own: Mapping[str, Any]) -> list[str]:
    return [*own.get("images", ()), *(own[name] for name in ("image", "other") if own.get(name))]


def _inspect(session: Session, arguments: Arguments, asked: Asked) -> ExitCode:
    own = arguments.own
    if own["raw"]:
        return _exact(image.root_document(session, own["image"], asked))
    if own["raw_config"]:
        return _exact(image.read(session, own["image"], asked).image.config)
    found, named = image.inspected(session, own["image"], asked)
    index = image.members(found, named)
    if arguments.json:
        said = inspect_data(named.name, named.facts) if named else index_data(own["image"], found.root)
        _print(json.dumps(said | members_data(index.members, index.said), ensure_ascii=False))
        return ExitCode.SUCCESS
    lines = members_lines(index.members, index.said)
    told = inspect_lines(named.name, named.facts, lines) if named else index_lines(own["image"], found.root, lines)
    _print(*told)
    return ExitCode.SUCCESS


def _exact(data: bytes) -> ExitCode:
    sys.stdout.flush()
    buffer = getattr(sys.stdout, "buffer", None)
    if buffer is None:
        sys.stdout.write(data.decode("utf-8", "surrogateescape"))
    else:
        buffer.write(data)
        buffer.flush()
    return ExitCode.SUCCESS


def _layers(session: Session, arguments: Arguments, asked: Asked) -> ExitCode:
    found = [image.read(session, text, asked) for text in arguments.own["images"]]
    images = [(named.name, named.facts) for named in found]
    for index, named in enumerate(found):
        shared = shared_by(images, index) if len(found) > 1 else _held(session, named)
        if arguments.json:
            for row in named.facts.layers:
                more = {"shared": shared.get(row.descriptor.digest, "")} if shared is not None else {}
                _print(json.dumps({"image": named.name, **layer_data(row), **more}, ensure_ascii=False))
            continue
        if len(found) > 1:
            _print(*([""] if index else []), f"#{index + 1} {printable(named.name)} {named.facts.digest}")
        _print(*layers_lines(named.facts, shared))
    if len(found) > 1 and not arguments.json:
        _print("", *sharing_lines(images))
    return ExitCode.SUCCESS


def _held(session: Session, named: Named) -> Mapping[Digest, str] | None:
    """Of how many other images of the workspace a target's layers are part too."""
    held = image.holders(session, named.name)
    if held is None:
        return None
    if held.unknown:
        session.warn(
            f"'shared' counts {held.images} of {held.images + held.unknown} other images: those that are built as they "
            "are now"
        )
    if not held.images:
        return None
    return {
        row.descriptor.digest: f"{held.count.get(row.descriptor.digest, 0)} of {held.images}"
        for row in named.facts.layers
    }


def _files(session: Session, arguments: Arguments, asked: Asked) -> ExitCode:
    named = image.read(session, arguments.own["image"], asked)
    shown = False
    for file in image.files(named, arguments.own["pattern"], arguments.own["layer"]):
        shown = True
        _print(json.dumps(file_data(file), ensure_ascii=False) if arguments.json else file_line(file))
    return ExitCode.SUCCESS if shown or not arguments.own["pattern"] else ExitCode.BUILD_FAILED


def _diff(session: Session, arguments: Arguments, asked: Asked) -> ExitCode:
    own = arguments.own
    found = diff(session, own["image"], own["other"], asked, deep=own["deep"])
    if own["html"]:
        _write(arguments.directory / own["html"], diff_html(found))
    if arguments.json:
        _print(json.dumps(diff_data(found), ensure_ascii=False))
    else:
        _print(*diff_lines(found))
    return ExitCode.BUILD_FAILED if own["exit_code"] and not found.identical else ExitCode.SUCCESS


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise EnvironmentFault(f"cannot write '{path}': {(error.strerror or str(error)).lower()}") from None


def _validate(session: Session, arguments: Arguments, asked: Asked) -> ExitCode:
    found = image.validate(session, arguments.own["image"], asked)
    for fault in found.faults:
        row = {"where": fault.where, "message": fault.message}
        _print(json.dumps(row, ensure_ascii=False) if arguments.json else printable(str(fault)))
    if not arguments.json:
        _print(*(f"note: layer {digest} is not looked into: it stays at its URLs" for digest in found.elsewhere))
    if found.faults:
        return ExitCode.BUILD_FAILED
    counts = {"manifests": found.manifests, "blobs": found.blobs, "bytes": found.bytes}
    _print(json.dumps(_sound(counts, found.elsewhere)) if arguments.json else f"sound: {_counted(counts)}")
    return ExitCode.SUCCESS


def _sound(counts: Mapping[str, int], elsewhere: Sequence[Digest]) -> dict[str, Any]:
    return {"sound": True, **counts} | ({"elsewhere": list(map(str, elsewhere))} if elsewhere else {})


def _counted(counts: Mapping[str, int]) -> str:
    """Numbers of things: '1 manifest, 4 blobs'."""
    return ", ".join(f"{count} {name[:-1] if count == 1 else name}" for name, count in counts.items())


def _print(*lines: str) -> None:
    for line in lines:
        write_line(sys.stdout, line)


_ACTIONS: Mapping[str, Callable[[Session, Arguments, Asked], ExitCode]] = {
    "inspect": _inspect,
    "layers": _layers,
    "files": _files,
    "diff": _diff,
    "validate": _validate,
}
