"""An image ↔ a registry: logins from docker's configuration, pushes and pulls over oras, each byte checked."""

from buildkit.registry.connection import connect
from buildkit.registry.credentials import Credential, Credentials
from buildkit.registry.memory import MemoryRegistry
from buildkit.registry.push import push
from buildkit.registry.registry import Document, Reader, Registry
from buildkit.registry.trust import Trust

__all__ = ["Credential", "Credentials", "Document", "MemoryRegistry", "Reader", "Registry", "Trust", "connect", "push"]
