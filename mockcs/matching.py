"""A match, written once as the list of a call's differences from it: it matches when the list is empty."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import islice
from typing import Any

import jsonschema_rs

from mockcs.addresses import GENERATIONS
from mockcs.calls import Call, Masks, body_of, query_of
from mockcs.errors import MockcsError, meant_by
from mockcs.json_text import dumps
from mockcs.messages import Document
from mockcs.schemas import compiled
from mockcs.violations import pointer_of

_TEXTS = ("operation", "api", "method", "path")
_MAPPINGS = ("path_params", "query", "headers")
_FLAGS = ("violations", "advice")
MEMBERS = (*_TEXTS, *_MAPPINGS, "body", "body_schema", "status", *_FLAGS)
"""What a match may ask for."""
_BODIES = {"body", "body_schema"}
CUT = "the body was cut, so it cannot be compared"
_LONG = 200  # characters of an error
_SHOWN, _BEFORE = 60, 10  # characters of a value, and of what stands before a difference in it
_ERRORS, _LARGE = 5, 2**16  # of a body_schema that are told, and bytes of a body of which any are
_SIMPLE = (str, int, float, bool, type(None))
_NUMBERS = bytes(0x30 if byte in b"0123456789." else 0x65 if byte in b"eE" else 0x20 for byte in range(256))
_ROUNDED = b"0" * 16
_LEAST_STATUS, _LARGEST_STATUS = 100, 599


def is_path(path: str, wanted: str) -> bool:
    """Whether a path is the wanted one, as it stands or as a pattern with `*`, `?` and `[...]`."""
    return path == wanted or fnmatchcase(path, wanted)


@dataclass(frozen=True, slots=True)
class Match:
    """What a call must be: the given members, checked, and the compiled `body_schema`."""

    wanted: Document
    schema: jsonschema_rs.Draft202012Validator | None
    masks: Masks

    def differences(self, call: Call) -> list[str]:
        """What keeps the call from matching, one sentence each; empty when it matches."""
        return list(self._differences(call))

    def is_met_by(self, call: Call) -> bool:
        """Whether the call matches."""
        return next(self._differences(call), None) is None

    def is_undecided_by(self, call: Call) -> bool:
        """Whether only the cut body keeps mockcs from saying whether the call matches."""
        return self.differences(call) == [CUT]

    def _differences(self, call: Call) -> Iterator[str]:
        wanted, request = self.wanted, call.request
        for name, value in (
            ("operation", call.operation),
            ("api", call.api),
            ("method", request.method),
        ):
            if name in wanted and wanted[name] != value:
                yield f"{name}: wanted {_shown(wanted[name])}, was {_shown(value)}"
        if "path" in wanted and not is_path(request.path, wanted["path"]):
            yield f"path: wanted {wanted['path']}, was {request.path}"
        yield from self._mappings(call)
        yield from self._outcome(call)
        yield from self.body_differences(request.body, request.body_size, request.digest)

    def _mappings(self, call: Call) -> Iterator[str]:
        wanted = self.wanted
        if "path_params" in wanted:
            found = dict(call.path_params)
            yield from differences({k: str(v) for k, v in wanted["path_params"].items()}, found, "path_params")
        if "query" in wanted:
            lists = {k: [_in_query(each) for each in _list(v)] for k, v in wanted["query"].items()}
            yield from differences(lists, query_of(call.request.query), "query")
        if "headers" in wanted:
            found = {name.lower(): value for name, value in call.request.headers.items()}
            for name, value in wanted["headers"].items():
                recorded = found.get(name.lower())
                # A secret is compared by its mask; the mask itself, copied from a record, is taken too.
                if recorded not in (str(value), self.masks.value(name, str(value))):
                    shown = self.masks.value(name, str(value))
                    yield from differences({name: shown}, {} if recorded is None else {name: recorded}, "headers")

    def _outcome(self, call: Call) -> Iterator[str]:
        status = None if call.response is None else call.response.status
        if "status" in self.wanted and self.wanted["status"] != status:
            yield f"status: wanted {self.wanted['status']}, was {status}"
        for name, found in (("violations", call.violations), ("advice", call.advice)):
            if name in self.wanted and self.wanted[name] != bool(found):
                yield f"{name}: wanted {'some' if self.wanted[name] else 'none'}, there were {len(found)}"

    def body_differences(self, body: bytes, size: int, digest: str | None) -> Iterator[str]:
        """What keeps a body, recorded with its size and the digest of a cut one, from matching."""
        if not _BODIES & self.wanted.keys():
            return
        if digest is not None:
            yield CUT
            return
        value = body_of(body, size, None)
        if "body" in self.wanted:
            yield from differences(self.wanted["body"], value, "body")
        if self.schema is not None and not body:
            yield "body_schema: there is no body"
        elif self.schema is not None and not self.schema.is_valid(value):
            yield "body_schema: the body does not fit it"
            if size <= _LARGE:  # of each error the validator makes a copy of what it is about
                yield from map(_told, islice(self.schema.iter_errors(value), _ERRORS))


def _told(error: Any) -> str:
    place, message = pointer_of(error.instance_path), error.message
    told = message if len(message) <= _LONG else f"{message[:_LONG]}…"
    return f"body_schema: {place}: {told}" if place else f"body_schema: {told}"


def match_of(document: object, operations: frozenset[str], masks: Masks) -> Match:
    """The match that a JSON document asks for.

    Raises MockcsError when it is empty, names an unknown member or operation, or has a member of a wrong type.
    """
    if not isinstance(document, dict) or not document:
        raise MockcsError("the match is empty", hint=f"give at least one of {', '.join(MEMBERS)}")
    for name in document:
        if name not in MEMBERS:
            raise MockcsError(f"a match has no member {name!r}", hint=f"it may have {', '.join(MEMBERS)}")
    _check_types(document)
    if "operation" in document and document["operation"] not in operations:
        raise MockcsError(
            f"no operation is called {document['operation']!r}",
            hint=meant_by(document["operation"], operations, "GET /__admin/operations lists them"),
        )
    schema = compiled(document["body_schema"], "body_schema") if "body_schema" in document else None
    wanted = {**document, "method": document["method"].upper()} if "method" in document else document
    return Match(wanted, schema, masks)


def differences(wanted: Any, found: Any, place: str) -> Iterator[str]:
    """How a JSON value differs from the subset that is wanted: given members equal, arrays element by element."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        for name, value in wanted.items():
            if name not in found:
                yield f"{place}.{name}: wanted {_shown(value)}, is absent"
            elif type(value) not in _SIMPLE or type(value) is not type(found[name]) or value != found[name]:
                yield from differences(value, found[name], f"{place}.{name}")
    elif isinstance(wanted, list) and isinstance(found, list):
        if len(wanted) != len(found):
            yield f"{place}: wanted {len(wanted)} elements, has {len(found)}"
        for number, (one, other) in enumerate(zip(wanted, found, strict=False)):
            yield from differences(one, other, f"{place}[{number}]")
    elif isinstance(wanted, bool) is not isinstance(found, bool) or wanted != found:
        shown, was = _beside(wanted, found)
        yield f"{place}: wanted {_shown(shown)}, was {_shown(was)}"


def _beside(wanted: Any, found: Any) -> tuple[Any, Any]:
    """Two values as a difference shows them: long texts from a little before the place where they differ."""
    if isinstance(wanted, str) and isinstance(found, str):
        pairs = enumerate(zip(wanted, found, strict=False))
        same = next((at for at, (one, other) in pairs if one != other), min(len(wanted), len(found)))
        if same > _SHOWN // 2:
            return f"…{wanted[same - _BEFORE :]}", f"…{found[same - _BEFORE :]}"
    return wanted, found


@dataclass(frozen=True, slots=True)
class Needles:
    """What a body must have in it to match, however it is written: it can be passed over unread without."""

    texts: tuple[bytes, ...]
    numbers: tuple[bytes, ...]

    def are_in(self, body: bytes) -> bool:
        """Whether a body may match."""
        if b"\\" in body:
            return True  # an escape may stand for anything
        for text in self.texts:
            if text not in body:
                return False
        for number in self.numbers:
            if number not in body:
                return _may_equal_by_other_digits(body)
        return True


def _may_equal_by_other_digits(body: bytes) -> bool:
    # An exponent moves the digits of a number, and a fraction of 16 digits or more may be rounded to an integer.
    numbers = body.translate(_NUMBERS)
    return b"0e" in numbers or _ROUNDED in numbers


def needles(wanted: Any) -> Needles:
    """The names and strings of the wanted value, and the digits of its integers."""
    if isinstance(wanted, dict) and wanted.keys() & {"text", "base64"}:
        return Needles((), ())  # it may be meant for a body that is no JSON
    scalars = list(_scalars(wanted))
    texts = (dumps(value) for value in scalars if isinstance(value, str))
    numbers = (b"%d" % value for value in scalars if isinstance(value, int) and not isinstance(value, bool))
    return Needles(tuple(text for text in texts if b"\\" not in text), tuple(numbers))


def _scalars(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _scalars(each)
    else:
        yield value


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _in_query(value: str | int) -> str:
    """The value as a URL has it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _check_types(document: Document) -> None:
    kinds: tuple[tuple[tuple[str, ...], type | tuple[type, ...], str], ...] = (
        (_TEXTS, str, "a string"),
        (_MAPPINGS, dict, "an object"),
        (_FLAGS, bool, "true or false"),
        (("body_schema",), (dict, bool), "a JSON Schema"),
    )
    for names, kind, words in kinds:
        for name in names:
            if name in document and not isinstance(document[name], kind):
                raise MockcsError(f"{name} in a match must be {words}")
    for name in ("path_params", "headers"):
        for key, value in document.get(name, {}).items():
            if isinstance(value, bool) or not isinstance(value, str | int):
                raise MockcsError(f"{name}.{key} in a match must be a string")
    for key, value in document.get("query", {}).items():
        if not all(isinstance(each, str | int) for each in _list(value)):
            sentence = f"query.{key} in a match must be a string, a whole number, true or false, or a list of these"
            raise MockcsError(sentence)
    _check_values(document)


def _shown(value: Any) -> str:
    text = dumps(value).decode()
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _check_values(document: Document) -> None:
    """Refuse values that no call can have: such a match would always or never hold."""
    status = document.get("status", _LEAST_STATUS)
    if isinstance(status, bool) or not isinstance(status, int) or not _LEAST_STATUS <= status <= _LARGEST_STATUS:
        raise MockcsError(f"status in a match must be a number from {_LEAST_STATUS} to {_LARGEST_STATUS}")
    if document.get("api", GENERATIONS[0]) not in GENERATIONS:
        raise MockcsError(f"api in a match must be one of {', '.join(GENERATIONS)}")
    if not document.get("method", "GET").isalpha():
        raise MockcsError("method in a match must be an HTTP method, such as POST")
