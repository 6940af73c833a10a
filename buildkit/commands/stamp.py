"""What a stamped build says of where it comes from: the git revision, the place of the source, the time.

In: `--stamp`, the environment and the workspace's checkout. Out: `ctx.stamp`, a mapping of texts. SOURCE_DATE_EPOCH
counts without `--stamp` too; of git nothing enters without it.
"""

from __future__ import annotations

import datetime
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from buildkit.errors import BuildError, EnvironmentFault

_LAST = 253402300799  # the end of the year 9999: RFC 3339 knows no later time
# Of a path, what a URL may hold; a query may be a token, and is left out.
_PATH = r"([^\x00-\x20\x7f\"<>\\^`{|}?#]+)(?:[?#].*)?"
_SCP = re.compile(rf"(?:[^@/:]+@)?([\w.-]+):(?!/){_PATH}")
_URL = re.compile(rf"(?:https?|ssh|git)://(?:[^@/]*@)?([\w.:\[\]-]+)/{_PATH}")
# What git says of which repository a command is for, as to hooks: here the workspace's folder says it.
_OF_HOOKS = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_PREFIX")
_NO_CHECKOUT = "not a git repository (or any"  # git's words where there is nothing else to say


def stamp_of(root: Path, environment: Mapping[str, str], *, git: bool) -> Mapping[str, str]:
    """`created` from SOURCE_DATE_EPOCH; and with `git`, `revision` and, where the checkout has an origin, `source`.

    Runs git. Raises BuildError for a SOURCE_DATE_EPOCH that is no number, and for a workspace that is in no checkout.
    """
    epoch = environment.get("SOURCE_DATE_EPOCH")
    created = {"created": _time(epoch)} if epoch else {}
    return created | (_of_git(root, environment) if git else {})


def _time(text: str) -> str:
    if not (text.isascii() and text.isdigit()) or len(text) > 12 or int(text) > _LAST:
        raise BuildError(
            f"SOURCE_DATE_EPOCH must be a whole number of seconds, from 1970 to the year 9999, found {text!r}",
            hint="set it as in: SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)",
        )
    return datetime.datetime.fromtimestamp(int(text), datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _of_git(root: Path, environment: Mapping[str, str]) -> dict[str, str]:
    checkout = _Checkout(root, environment)
    code, told = checkout.ask("rev-parse", "--verify", "HEAD")
    if code:
        raise _no_revision(root, *checkout.ask("rev-parse", "--git-dir"))
    # Only what the build can see: another folder of the repository may be edited meanwhile. Whatever is configured.
    changes = ("status", "--porcelain", "--untracked-files=normal", "--ignore-submodules=none", "--", ".")
    code, changed = checkout.ask(*changes)
    if code:
        raise EnvironmentFault("--stamp: git cannot tell whether the checkout was edited", details=changed)
    source = _source(checkout.ask("config", "--get", "remote.origin.url")[1])
    revision = {"revision": told.strip() + ("-dirty" if changed.strip() else "")}
    return revision | ({"source": source} if source else {})


def _no_revision(root: Path, code: int, complaint: str) -> BuildError:
    """Why there is no revision, by what git says of the repository itself."""
    known = not code or _NO_CHECKOUT in complaint
    what = "is in no git checkout that can be read"
    if known:
        what = "is in no git checkout" if code else "is in a git checkout without a commit"
    elif "dubious ownership" in complaint:
        what = "is in a git checkout of another user, which git does not trust"
    return BuildError(
        f"--stamp: the workspace '{root}' {what}",
        hint="leave out --stamp, or build in a clone of the repository",
        details="" if known else complaint,
    )


class _Checkout:
    """Questions to git, in a folder."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        own = {name: text for name, text in environment.items() if name not in _OF_HOOKS}
        self._environment = {**own, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}

    def ask(self, *words: str) -> tuple[int, str]:
        """The exit code, and what git printed: its answer, or its complaint."""
        # A file system monitor is a program that the checkout's own settings name: none is run.
        command = ["git", "-c", "core.fsmonitor=false", *words]
        try:
            done = subprocess.run(
                command,
                cwd=self._folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
            )
        except FileNotFoundError:
            raise EnvironmentFault("--stamp needs git, which is not installed", hint="leave out --stamp") from None
        return done.returncode, done.stdout if done.returncode == 0 else done.stderr


def _source(origin: str) -> str:
    """The address of a checkout's origin as everyone may see it: without user and password; '' for a local folder.

    >>> _source("https://user:secret@git.example/acme/models.git"), _source("git@git.example:acme/models.git")
    ('https://git.example/acme/models', 'https://git.example/acme/models')
    """
    text = origin.strip()
    found = _URL.fullmatch(text) or (None if "://" in text else _SCP.fullmatch(text))
    if not found:
        return ""
    host, path = found.groups()
    # Over SSH it has another port, which means nothing to a browser.
    host = host if text.startswith("http") else host.partition(":")[0]
    return f"https://{host}/{path.strip('/').removesuffix('.git')}"
