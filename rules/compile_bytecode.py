"""Compiles the modules below a folder: `compile_bytecode.py FOLDER ARCHIVE`; run by the interpreter that will use them.

The archive is a tar of `__pycache__` files at their places in the root. They are unchecked-hash files (PEP 552), and
are marshalled in format 2, which has no references and so does not depend on what else the process holds.
A module that does not compile (a template, a test of syntax errors) is left out, as pip leaves it out.
"""

import importlib.util
import io
import marshal
import sys
import tarfile
import warnings
from pathlib import Path

_UNCHECKED_HASH = (0b01).to_bytes(4, "little")


def compile_module(path):
    """The bytes of a module's bytecode file, or None where the module does not compile."""
    source = path.read_bytes()
    try:
        code = compile(source, "/" + str(path).lstrip("/"), "exec", dont_inherit=True, optimize=0)
    except (SyntaxError, ValueError, RecursionError):
        return None
    header = importlib.util.MAGIC_NUMBER + _UNCHECKED_HASH + importlib.util.source_hash(source)
    return header + marshal.dumps(code, 2)


def main():
    """Compile every module, in sorted order."""
    folder, archive = Path(sys.argv[1]), sys.argv[2]
    warnings.simplefilter("ignore")
    with tarfile.open(archive, "w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(folder.rglob("*.py"), key=str):
            if path.is_symlink() or not path.is_file():
                continue
            bytecode = compile_module(path)
            if bytecode is None:
                continue
            name = importlib.util.cache_from_source(str(path), optimization="").lstrip("/")
            member = tarfile.TarInfo(name)
            member.size = len(bytecode)
            tar.addfile(member, io.BytesIO(bytecode))


if __name__ == "__main__":
    main()
