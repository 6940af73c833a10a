"""Actions → blobs: keys, the order of work, sandboxes and roots.

In: an action graph and a machine. Out: the digests of what was wanted.
"""

from buildkit.execution.execute import Execution, Failed, execute
from buildkit.execution.known import known_keys
from buildkit.execution.machine import Machine, SharedResults
from buildkit.execution.root import host_root, prepare_root

__all__ = ["Execution", "Failed", "Machine", "SharedResults", "execute", "host_root", "known_keys", "prepare_root"]
