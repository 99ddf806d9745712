"""jsonschema, walking into a document only where jsonschema-rs does not say yes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

from mockcs.messages import Document
from mockcs.schemas import compiled

if TYPE_CHECKING:
    import jsonschema
    import jsonschema_rs

_Keyword = Callable[[Any, Any, Any, Document], Iterator[Any]]


def checker(schema: Document) -> jsonschema.Draft202012Validator:
    """The validator that tells of each thing that is wrong, one by one as it is asked for the next."""
    import jsonschema  # noqa: PLC0415 - slow to import, and a suite that makes no mistake never needs it
    import referencing  # noqa: PLC0415 - comes with jsonschema

    plain, extend = jsonschema.Draft202012Validator, cast("Any", jsonschema.validators.extend)
    walk = _Walk(plain.VALIDATORS)
    keywords = {
        "properties": walk.properties,
        "items": walk.items,
        "anyOf": walk.any_of,
        "pattern": walk.pattern,
        "patternProperties": walk.pattern_properties,
    }
    narrowed = extend(plain, keywords)
    # With a registry of its own, jsonschema fetches nothing.
    return cast("jsonschema.Draft202012Validator", narrowed(schema, registry=referencing.Registry()))


class _Walk:
    """The keywords by which jsonschema walks on, for one schema.

    It makes a new validator for each member that it looks at, right or wrong, which takes ten times as long as it
    takes jsonschema-rs to see that the member is right.
    """

    def __init__(self, plain: Mapping[str, _Keyword]) -> None:
        self._plain = plain
        self._fast: dict[int, jsonschema_rs.Draft202012Validator] = {}  # by part of the schema, which stays alive

    def _refuses(self, part: Any, schema: Any, value: Any) -> bool:
        found = self._fast.get(id(part))
        if found is None:
            found = self._fast[id(part)] = compiled(schema, "a part of a schema")
        return not found.is_valid(value)

    def properties(self, checker: Any, members: Any, document: Any, _: Document) -> Iterator[Any]:
        for name, schema in members.items() if isinstance(document, dict) else ():
            if name in document and self._refuses(schema, schema, document[name]):
                yield from checker.descend(document[name], schema, path=name, schema_path=name)

    def items(self, checker: Any, schema: Any, document: Any, owner: Document) -> Iterator[Any]:
        if schema is False:
            yield from self._plain["items"](checker, schema, document, owner)
            return
        first = len(owner.get("prefixItems", ()))
        for place, value in enumerate(document[first:] if isinstance(document, list) else (), first):
            if self._refuses(schema, schema, value):
                yield from checker.descend(value, schema, path=place)

    def pattern(self, _: Any, pattern: str, value: Any, __: Document) -> Iterator[Any]:
        # A pattern that takes for ever stops all threads in Python's re, and none in jsonschema-rs.
        if self._refuses(pattern, {"pattern": pattern}, value):
            from jsonschema import ValidationError  # noqa: PLC0415 - see checker

            yield ValidationError(f"{value!r} does not match {pattern!r}")

    def pattern_properties(self, checker: Any, patterns: Any, document: Any, _: Document) -> Iterator[Any]:
        for pattern, schema in patterns.items() if isinstance(document, dict) else ():
            for name, value in document.items():
                if not self._refuses(pattern, {"pattern": pattern}, name):
                    yield from checker.descend(value, schema, path=name, schema_path=pattern)

    def any_of(self, checker: Any, choices: Any, document: Any, owner: Document) -> Iterator[Any]:
        if self._refuses(choices, {"anyOf": choices}, document):
            yield from self._plain["anyOf"](checker, choices, document, owner)
