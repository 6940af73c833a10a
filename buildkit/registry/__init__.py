"""An image ↔ a registry: logins from docker's configuration, pushes and pulls over oras, each byte checked."""

from buildkit.registry.connection import connect
from buildkit.registry.credentials import Credential, Credentials
from buildkit.registry.early import Early
from buildkit.registry.memory import MemoryRegistry
from buildkit.registry.places import Places
from buildkit.registry.plan import Plan, Step, Way
from buildkit.registry.push import Pushed, carry_out, copy_image, planned, push
from buildkit.registry.registry import Document, Reader, Registry
from buildkit.registry.sources import OpenedSource, RegistrySource, Source, StoreSource
from buildkit.registry.trust import Trust

__all__ = [
    "Credential",
    "Credentials",
    "Document",
    "Early",
    "MemoryRegistry",
    "OpenedSource",
    "Places",
    "Plan",
    "Pushed",
    "Reader",
    "Registry",
    "RegistrySource",
    "Source",
    "Step",
    "StoreSource",
    "Trust",
    "Way",
    "carry_out",
    "connect",
    "copy_image",
    "planned",
    "push",
]
