"""Compiles modules: `compile_bytecode.py MODULES ARCHIVE`; run by the interpreter that will use them.

MODULES is a tar of modules at their places in a root, ARCHIVE will be one of `__pycache__` files at theirs. These are
unchecked-hash files (PEP 552), and are marshalled in format 2, which has no references and so does not depend on what
else the process holds. A module that does not compile (a template, a test of syntax errors) is left out, as pip leaves
it out.

There is one process for each processor; the archive does not depend on how many there are.
"""

import gc
import importlib.util
import io
import marshal
import os
import sys
import tarfile
import tempfile
import warnings

_UNCHECKED_HASH = (0b01).to_bytes(4, "little")


def compile_module(path, source):
    """The bytes of a module's bytecode file, or None where the module does not compile."""
    try:
        code = compile(source, path, "exec", dont_inherit=True, optimize=0)
    except (SyntaxError, ValueError, RecursionError):
        return None
    header = importlib.util.MAGIC_NUMBER + _UNCHECKED_HASH + importlib.util.source_hash(source)
    return header + marshal.dumps(code, 2)


def compile_all(sources):
    """The bytecode of (path, source) pairs that compile, by path."""
    compiled = ((path, compile_module(path, source)) for path, source in sources)
    return {path: bytecode for path, bytecode in compiled if bytecode is not None}


def in_processes(sources, count):
    """What `compile_all` gives, from that many processes, this one among them. Each gets as much to do."""
    largest_first = sorted(sources.items(), key=lambda pair: (-len(pair[1]), pair[0]))
    started = [start(largest_first[number::count]) for number in range(1, count)]
    compiled = compile_all(largest_first[::count])
    for process, results in started:
        if os.waitpid(process, 0)[1]:
            sys.exit("a process that compiles modules failed")
        with results:
            results.seek(0)
            compiled.update(marshal.load(results))
    return compiled


def start(sources):
    """Compile in a new process: its number, and the file that has the result once it has ended."""
    results = tempfile.TemporaryFile()  # noqa: SIM115 - both processes use it
    process = os.fork()
    if process == 0:
        marshal.dump(compile_all(sources), results)
        results.flush()
        os._exit(0)
    return process, results


def read(archive):
    """The modules of a tar, by path; of several at one path, the last."""
    with tarfile.open(archive) as tar:
        return {"/" + member.name: tar.extractfile(member).read() for member in tar}


def write(archive, compiled):
    """Write bytecode in the order of the modules' paths."""
    with tarfile.open(archive, "w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(compiled):
            member = tarfile.TarInfo(importlib.util.cache_from_source(path, optimization="").lstrip("/"))
            member.size = len(compiled[path])
            tar.addfile(member, io.BytesIO(compiled[path]))


def main():
    """Compile all modules of an archive."""
    modules, archive = sys.argv[1:]
    warnings.simplefilter("ignore")
    gc.disable()  # it would look for cycles in all code compiled so far, again and again
    write(archive, in_processes(read(modules), len(os.sched_getaffinity(0))))


if __name__ == "__main__":
    main()
