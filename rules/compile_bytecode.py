"""Compiles modules: `compile_bytecode.py MODULES ARCHIVE`; run by the interpreter that will use them.

MODULES is a tar of modules at their places in a root, as mbuild writes tars; ARCHIVE will be one of `__pycache__` files
at theirs. These are unchecked-hash files (PEP 552), and are marshalled in format 2, which has no references and so does
not depend on what else the process holds. A module that does not compile (a template, a test of syntax errors) is left
out, as pip leaves it out. There is one process for each processor; the archive does not depend on how many there are.

A root may have no bytecode of its library: what this script imports is compiled each time it starts. So it imports
little, and reads and writes tars by itself: `tarfile` alone would take longer than most layers' modules.
"""

import _imp
import gc
import marshal
import os
import sys
import warnings
from importlib._bootstrap_external import MAGIC_NUMBER, cache_from_source

_UNCHECKED_HASH = (0b01).to_bytes(4, "little")
_BLOCK = 512


def compile_module(path, source):
    """The bytes of a module's bytecode file, or None where the module does not compile."""
    try:
        code = compile(source, path, "exec", dont_inherit=True, optimize=0)
    except (SyntaxError, ValueError, RecursionError):
        return None
    source_hash = _imp.source_hash(int.from_bytes(MAGIC_NUMBER, "little"), source)
    return MAGIC_NUMBER + _UNCHECKED_HASH + source_hash + marshal.dumps(code, 2)


def compile_all(sources):
    """The bytecode of (path, source) pairs that compile, by path."""
    compiled = ((path, compile_module(path, source)) for path, source in sources)
    return {path: bytecode for path, bytecode in compiled if bytecode is not None}


def in_processes(sources, count):
    """What `compile_all` gives, from that many processes, this one among them. Each gets as much to do."""
    largest_first = sorted(sources.items(), key=lambda pair: (-len(pair[1]), pair[0]))
    parts = [part for part in (largest_first[number::count] for number in range(count)) if part]
    started = [start(part) for part in parts[1:]]
    compiled = compile_all(parts[0]) if parts else {}
    for process, results in started:
        with results:
            data = results.read()
        if os.waitpid(process, 0)[1]:
            sys.exit("a process that compiles modules failed")
        compiled.update(marshal.loads(data))
    return compiled


def start(sources):
    """Compile in a new process: its number, and where it says the result."""
    reader, writer = os.pipe()
    process = os.fork()
    if process == 0:
        with open(writer, "wb") as results:
            marshal.dump(compile_all(sources), results)
        os._exit(0)
    os.close(writer)
    return process, open(reader, "rb")


def read(archive):
    """The modules of a tar, by path; of several at one path, the last."""
    sources = {}
    extended = {}
    with open(archive, "rb") as file:
        while (header := file.read(_BLOCK)).strip(b"\0"):
            size = int(header[124:135], 8)
            content = file.read(size + -size % _BLOCK)[:size]
            kind = header[156:157]
            if kind == b"x":
                extended = records(content)
                continue
            path = extended.get(b"path") or text(header[345:500]) + b"/" + text(header[:100])
            path = "/" + path.decode().lstrip("/")
            if kind == b"2":  # another name of a module before it
                target = extended.get(b"linkpath") or text(header[157:257])
                content = sources[os.path.normpath(os.path.dirname(path) + "/" + target.decode())]
            sources[path] = content
            extended = {}
    return sources


def text(field):
    """What a field of a header holds."""
    return field.partition(b"\0")[0]


def records(data):
    """The records of an extended header: each is `length key=value` and a line's end."""
    found = {}
    while data:
        length = int(data[: data.index(b" ")])
        key, _, found_value = data[: length - 1].partition(b" ")[2].partition(b"=")
        found[key] = found_value
        data = data[length:]
    return found


def write(archive, compiled):
    """Write bytecode in the order of the modules' paths, each name as GNU's tar writes long ones."""
    with open(archive, "wb") as file:
        for path in sorted(compiled):
            name = cache_from_source(path, optimization="").lstrip("/").encode()
            file.write(member(b"././@LongLink", b"L", name + b"\0"))
            file.write(member(name, b"0", compiled[path]))
        file.write(bytes(2 * _BLOCK))


def member(name, kind, content):
    """A member of a tar, whose name may be cut."""
    fields = (
        name[:100].ljust(100, b"\0"),
        b"0000644\0" + b"0000000\0" * 2,
        b"%011o\0" % len(content) + b"%011o\0" % 0,
        b" " * 8,  # the checksum counts itself as spaces
        kind + bytes(100) + b"ustar  \0",
        bytes(247),
    )
    header = b"".join(fields)
    return header[:148] + b"%06o\0 " % sum(header) + header[156:] + content + bytes(-len(content) % _BLOCK)


def main():
    """Compile all modules of an archive."""
    modules, archive = sys.argv[1:]
    warnings.simplefilter("ignore")
    gc.disable()  # it would look for cycles in all code compiled so far, again and again
    write(archive, in_processes(read(modules), len(os.sched_getaffinity(0))))


if __name__ == "__main__":
    main()
