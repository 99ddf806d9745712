"""JSON in and out without losing a value: orjson where it is exact, the standard library where it is not."""

from __future__ import annotations

import json
import re
from typing import Any

import orjson

MAX_DEPTH = 100
"""How deep a body may nest; deeper is refused, as no documented body comes near."""
_OWN_DEPTH = MAX_DEPTH + 10  # the documents of mockcs put a body into lists and members of their own

# orjson turns integers beyond 64 bits into floats; only 19 digits or more can be such a number. A translated
# text is searched many times faster than by a regular expression.
_DIGITS = bytes(0x30 if 0x30 <= byte <= 0x39 else 0x20 for byte in range(256))
_LONG_NUMBER = b"0" * 19
_BLANK = 0x20
# A string, also an unfinished one so that the scan stays linear, or a bracket.
_NESTING = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)


class NotJson(ValueError):  # noqa: N818 - reads as what it says
    """The text is not the JSON that RFC 8259 and mockcs take; `str()` says where and why."""


class TooDeep(NotJson):
    """The text nests deeper than mockcs takes."""


def loads(text: bytes) -> Any:
    """The value of a UTF-8 JSON text, every integer exact.

    Raises NotJson for a BOM, a lone surrogate, `NaN`, a number beyond a double, trailing text, or more than
    110 levels of nesting: ten more than a body may have, so that what mockcs shows of one can be read back.
    """
    _check_depth(text, _OWN_DEPTH)
    try:
        return _exact(text, orjson.loads(text))
    except ValueError as error:  # the standard library refuses integers of more than 4300 digits this way
        raise NotJson(_why(text, error)) from error


def read(text: bytes) -> tuple[Any, bool]:
    """The value of a body as `loads` gives it, and whether an object in it has a member twice."""
    _check_depth(text, MAX_DEPTH)
    try:
        value = orjson.loads(text)
        written = orjson.dumps(value)
        if written == text:  # nothing of it was lost or rounded
            return value, False
        # The same text without repeats has as many names, counted in the same way; else look closely.
        repeated = text.count(b'":') != written.count(b'":') and _repeats_member(text)
        return _exact(text, value), repeated
    except ValueError as error:
        raise NotJson(_why(text, error)) from error


def _why(text: bytes, error: ValueError) -> str:
    try:
        text.decode()
    except UnicodeDecodeError as wrong:
        return f"it is not UTF-8, from byte {wrong.start} on"
    return str(error)


def _exact(text: bytes, value: Any) -> Any:
    return json.loads(text) if _LONG_NUMBER in text.translate(_DIGITS) else value


def _check_depth(text: bytes, most: int) -> None:
    if text.count(b"{") + text.count(b"[") > most and _depth(text, most) > most:
        raise TooDeep(f"the body nests deeper than {most} levels")


def pack(value: Any) -> bytes:
    """The value as it is stored, for `unpack`."""
    try:
        return _fitted(orjson.dumps(value))
    except TypeError:  # an integer beyond 64 bits; the blank says so
        return b" " + _exactly(value)


def unpack(text: bytes) -> Any:
    """The value that `pack` wrote, every integer exact."""
    return json.loads(text) if text[0] == _BLANK else orjson.loads(text)


def dumps(value: Any) -> bytes:
    """The value as compact UTF-8 JSON."""
    try:
        return _fitted(orjson.dumps(value))
    except TypeError:  # an integer beyond 64 bits
        return _exactly(value)


def _exactly(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _fitted(text: bytes) -> bytes:
    # orjson writes into 8 KiB and cuts them short: what is left between texts that are kept would be lost.
    return b"%b" % text


def pretty(value: Any) -> str:
    """The value as indented JSON, for people and for files that are checked in."""
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


def _repeats_member(text: bytes) -> bool:
    found = False

    def paired(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal found
        whole = dict(pairs)
        found = found or len(whole) < len(pairs)
        return whole

    json.loads(text, object_pairs_hook=paired)
    return found


def _depth(text: bytes, most: int) -> int:
    depth = deepest = 0
    for found in _NESTING.finditer(text):
        sign = found[0]
        if sign in b"[{":
            depth += 1
            deepest = max(deepest, depth)
            if deepest > most:
                break
        elif sign in b"]}":
            depth -= 1
    return deepest
