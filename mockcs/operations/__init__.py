"""The operations: one function each, `(store, params) -> answer`, under the name that its row has."""

from __future__ import annotations

from collections.abc import Callable
from inspect import getmembers, isfunction

from mockcs.documented import Manual
from mockcs.errors import MockcsError
from mockcs.messages import Answer
from mockcs.operations import composite, extensions, maintenance, metadata, services, states, tasks
from mockcs.store import Store
from mockcs.terms import Params

Function = Callable[[Store, Params], Answer]

_MODULES = (services, states, tasks, extensions, composite, metadata, maintenance)


def functions(manual: Manual) -> dict[str, Function]:
    """Name -> function; MockcsError when a row has no function or a function has no row."""
    found: dict[str, Function] = {
        name: function
        for module in _MODULES
        for name, function in getmembers(module, isfunction)
        if function.__module__ == module.__name__ and not name.startswith("_")
    }
    rows = {operation.name for operation in manual.operations}
    if lonely := sorted(rows ^ found.keys()):
        raise MockcsError(f"operations.csv and the functions disagree about {', '.join(lonely)}")
    return found
