"""mbuild: a declarative build system for model images."""

__version__ = "0.1.0"
