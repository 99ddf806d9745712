"""The operations table as routes, matched by segments; a literal segment goes before a variable one."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from mockcs.addresses import PREFIXES
from mockcs.advice import is_one_edit, unknown_url
from mockcs.documented import Manual, Operation
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
    """Where a request goes: the target and the path's variables.

    Without a target it goes nowhere: `allow` are the methods of its URL, none of an unknown one; `advice` says so.
    """

    target: Target | None
    path_params: Mapping[str, str]
    allow: str = ""
    advice: str = ""


class Routes:
    """Finds the row of a method and path."""

    def __init__(self, manual: Manual) -> None:
        self._root = _Node()
        self._literal: dict[tuple[str, str], Route] = {}
        self._words: defaultdict[str, list[list[str]]] = defaultdict(list)
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
            return Route(None, {}, advice=unknown_url(method, path, self._meant(method, path)))
        node, values = found
        target = node.targets.get(method)
        if target is None:
            allow = ", ".join(sorted(node.targets))
            as_printed = any((other, path) in self._literal for other in node.targets)
            near = "" if as_printed else self._meant(method, path)  # else a variable may have taken what is misspelt
            advice = f"{path} takes {allow}, not {method}" + (f"; did you mean {near}?" if near else "")
            return Route(None, {}, allow, advice)
        return Route(target, dict(zip(target.variables, values, strict=True)))

    def _meant(self, method: str, path: str) -> str:
        """The documented path that an unknown one was probably meant for; empty for none."""
        prefix = PREFIXES["8.5"]
        single = path.replace(prefix * 2, prefix)
        near = (single, single.rstrip("/"), single.replace("//", "/"), prefix + path, path.removeprefix(prefix))
        for other in (*near, *self._misspelt(method, path.split("/"))):
            found = _walk(self._root, other.split("/"), 1, ()) if other != path else None
            if found is not None and method in found[0].targets:
                return other
        return ""

    def _misspelt(self, method: str, segments: list[str]) -> Iterator[str]:
        """The documented paths whose words are the segments but for one edit in each."""
        for words in self._words.get(method, ()):
            if len(words) == len(segments):
                pairs = [(word or given, given) for word, given in zip(words, segments, strict=True)]
                if all(word == given or is_one_edit(word, given) for word, given in pairs):
                    yield "/".join(word for word, _ in pairs)

    def _add(self, operation: Operation) -> None:
        node, variables = self._root, []
        prefix = PREFIXES[operation.api]
        segments = (prefix + operation.path).split("/")
        self._words[operation.method].append(["" if _VARIABLE.fullmatch(each) else each for each in segments])
        for segment in segments[1:]:
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
