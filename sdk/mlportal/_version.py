"""The version of the package; a server of the same major version and API ``v1`` understands it."""

__version__ = "0.1.0"
API = "v1"
