"""mockcs: a stand-in for Genesys Context Services that a test pipeline can trust."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mockcs.app import create_app
    from mockcs.client import Client
    from mockcs.errors import MockcsError
    from mockcs.server import Server
    from mockcs.settings import Settings
    from mockcs.values import Call, Service

__version__ = "0.1.0"
__all__ = ["Call", "Client", "MockcsError", "Server", "Service", "Settings", "__version__", "create_app"]

_HOMES = {
    "Call": "mockcs.values",
    "Client": "mockcs.client",
    "MockcsError": "mockcs.errors",
    "Server": "mockcs.server",
    "Service": "mockcs.values",
    "Settings": "mockcs.settings",
    "create_app": "mockcs.app",
}


def __getattr__(name: str) -> Any:
    """The public names, imported on first use: `import mockcs` costs a test run nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'mockcs' has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - only whoever asks pays

    return getattr(import_module(_HOMES[name]), name)
