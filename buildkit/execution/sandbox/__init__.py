"""Closed places to run a command in: what a sandbox promises, and the kinds that keep it or say that they do not."""

from buildkit.execution.sandbox.request import Bind, Command, Ended, Root, Sandbox
from buildkit.execution.sandbox.select import select_sandbox

__all__ = ["Bind", "Command", "Ended", "Root", "Sandbox", "select_sandbox"]
