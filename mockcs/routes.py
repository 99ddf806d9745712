"""The operations table as routes, matched by segments; a literal segment goes before a variable one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from mockcs.documented import PREFIXES, Manual, Operation
from mockcs.messages import record
from mockcs.operations import Function, functions

_VARIABLE = re.compile(r"\$\{([^}]+)\}")


@dataclass(frozen=True, slots=True)
class Target:
    """A row, its function, and what is read off the row once: the path's variables and the Location templates.

    `asked` is what the journal records of it: the operation, its id in the manual, and the generation.
    """

    operation: Operation
    function: Function
    asked: tuple[str, str | None, str]
    variables: tuple[str, ...]
    locations: tuple[str, ...]


@dataclass(slots=True)
class _Node:
    literal: dict[str, _Node] = field(default_factory=dict)
    variable: _Node | None = None
    targets: dict[str, Target] = field(default_factory=dict)


@record
class Route:
    """Where a request goes: the target, None for an unknown URL or a wrong method; the path's variables; `Allow`."""

    target: Target | None
    path_params: Mapping[str, str]
    allow: str = ""


class Routes:
    """Finds the row of a method and path."""

    def __init__(self, manual: Manual) -> None:
        self._root = _Node()
        self._literal: dict[tuple[str, str], Route] = {}
        self._functions = functions(manual)
        for operation in manual.operations:
            self._add(operation)

    def find(self, method: str, path: str) -> Route:
        """The route of a request; an unknown URL has no `allow`."""
        literal = self._literal.get((method, path))
        if literal is not None:
            return literal
        found = _walk(self._root, path.split("/"), 1, ())
        if found is None:
            return Route(None, {})
        node, values = found
        target = node.targets.get(method)
        if target is None:
            return Route(None, {}, ", ".join(sorted(node.targets)))
        return Route(target, dict(zip(target.variables, values, strict=True)))

    def _add(self, operation: Operation) -> None:
        node, variables = self._root, []
        prefix = PREFIXES[operation.api]
        for segment in (prefix + operation.path).split("/")[1:]:
            variable = _VARIABLE.fullmatch(segment)
            if variable:
                variables.append(variable[1])
                node.variable = node.variable or _Node()
                node = node.variable
            else:
                node = node.literal.setdefault(segment, _Node())
        locations = tuple(_VARIABLE.sub(r"%(\1)s", prefix + each) for each in operation.locations)
        asked = (operation.name, operation.id or None, operation.api)
        target = Target(operation, self._functions[operation.name], asked, tuple(variables), locations)
        node.targets[operation.method] = target
        if not variables:
            self._literal[operation.method, prefix + operation.path] = Route(target, {})


def _walk(node: _Node, segments: list[str], at: int, values: tuple[str, ...]) -> tuple[_Node, tuple[str, ...]] | None:
    if at == len(segments):
        return (node, values) if node.targets else None
    segment = segments[at]
    literal = node.literal.get(segment)
    found = _walk(literal, segments, at + 1, values) if literal else None
    if found is None and node.variable is not None and segment:
        found = _walk(node.variable, segments, at + 1, (*values, segment))
    return found
