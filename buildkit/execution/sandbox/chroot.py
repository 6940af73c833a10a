"""Enters a folder as `/` and becomes a command, as an ordinary user; executed as a script by the superuser.

In: arguments FOLDER USER DIRECTORY COMMAND…. It imports nothing of mbuild's.
"""

from __future__ import annotations

import os
import sys
import warnings  # noqa: F401 - os.execvpe asks for it, when another root hides the library


def main() -> None:
    """Chroot, drop every privilege, run."""
    folder, user, directory, *argv = sys.argv[1:]
    os.chroot(folder)
    os.chdir(directory)
    os.setgroups([])
    os.setresgid(int(user), int(user), int(user))
    os.setresuid(int(user), int(user), int(user))
    try:
        os.execvpe(argv[0], argv, os.environ)
    except OSError as error:
        sys.stderr.write(f"cannot run '{argv[0]}': {error.strerror}\n")
        sys.exit(127)


if __name__ == "__main__":
    main()
