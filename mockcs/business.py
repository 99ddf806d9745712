"""Business attributes: fields that are mapped to named values with DB ids (Configure Business Attributes, 8.5.1)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mockcs.errors import MockcsError
from mockcs.ids import KINDS, LARGEST
from mockcs.messages import Document, Violation
from mockcs.settings import lifetime_of
from mockcs.violations import shown

FIELDS = ("type", "disposition", "application_type", "resource_type", "media_type")
"""The fields that can be mapped, of Service, State and Task."""
_MEMBERS = ("dbid", "expiration")


@dataclass(frozen=True, slots=True)
class Attribute:
    """A business attribute: its values by name, and the fields that are mapped to it."""

    name: str
    dbid: int
    values: Mapping[str, int]
    fields: tuple[str, ...]

    def id_of(self, value: Any) -> int | None:
        """The DB id of a value: a number is an id, a string a name; None when it is none of the values."""
        if isinstance(value, str):
            return self.values.get(value)
        return int(value) if value in self.values.values() else None

    def name_of(self, dbid: Any) -> Any:
        """The name of the value with that DB id, or what was given where there is none any more."""
        return next((name for name, own in self.values.items() if own == dbid), dbid)

    def violation(self, kind: str, member: str, value: Any, pointer: str) -> Violation:
        """What is said of a value that the attribute does not have: it points to the valid ones."""
        valid = ", ".join(f"{name} ({dbid})" for name, dbid in self.values.items())
        message = f"{member} of a {kind} is no value of the business attribute {self.name}: {shown(value)}"
        return Violation(pointer, shown(value), message, f"send one of {valid}", {"field": member, "values": valid})

    def document(self, *, map_name: bool) -> Document:
        """The attribute as Query Business Attribute Schema shows it."""
        values = [_described(name, dbid) for name, dbid in self.values.items()]
        own = {"map_name": map_name, "cv_attributes": list(self.fields), "values": values}
        return {**_described(self.name, self.dbid), **own}


def _described(name: str, dbid: int) -> Document:
    return {"name": name, "dbid": dbid, "display_name": name, "description": name}


class BusinessAttributes:
    """The attributes of a configuration, by name and by mapped field; empty without one."""

    def __init__(self, mapping: Mapping[str, str], configured: Mapping[str, Mapping[str, Any]]) -> None:
        values = {
            name: {text: _dbid(name, text, value) for text, value in _table(name, of).items()}
            for name, of in configured.items()
        }
        by_name = {name: tuple(field for field, of in mapping.items() if of == name) for name in values}
        self.attributes = {
            name: Attribute(name, number, values[name], fields)
            for number, (name, fields) in enumerate(by_name.items(), start=1)
        }
        self._mapped = dict(self._by_field(mapping))
        kinds = self._mapped.get(("service", "service_type"))
        # The lifetime of a service may hang on its type (Set Conversation Expiration, 8.5 latest).
        self._lifetimes = {
            _dbid("", text, value): lifetime_of(str(value["expiration"]))
            for text, value in (configured[kinds.name] if kinds else {}).items()
            if isinstance(value, Mapping) and "expiration" in value
        }

    def lifetime(self, service_type: Any, usual: int) -> int:
        """The milliseconds that a service of that type lives; the usual ones where its type does not say."""
        return self._lifetimes.get(service_type, usual) if self._lifetimes else usual

    def mapped(self, kind: str, member: str) -> Attribute | None:
        """The attribute to which a member of a service, state or task is mapped."""
        return self._mapped.get((kind, member)) if self._mapped else None

    def as_ids(self, kind: str, members: Document, place: str, broken: list[Violation]) -> Document:
        """The members with the values of business attributes as DB ids; an unknown value is one more violation."""
        found = dict(members)
        for name, value in members.items():
            if name in ("started", "completed") and isinstance(value, dict):
                found[name] = self.as_ids(kind, value, f"{place}/{name}", broken)
                continue
            attribute = self.mapped(kind, name)
            whole = not isinstance(value, float) or value.is_integer()  # 40.0 is an integer
            if attribute is not None and whole and not isinstance(value, bool | dict | list | None):
                dbid = attribute.id_of(value)
                if dbid is None:
                    broken.append(attribute.violation(kind, name, value, f"{place}/{name}"))
                else:
                    found[name] = dbid
        return found

    def named(self, full_name: str) -> Attribute | None:
        """The attribute behind a full name such as `Service.type` or `State.media_type`."""
        kind, _, field = full_name.partition(".")
        return self._mapped.get((kind.lower(), _member(kind.lower(), field)))

    def same(self, kind: str, member: str, value: Any) -> str | None:
        """The value in the one form in which values of a member can be compared: 4, 4.0 and "4" are one."""
        attribute = self.mapped(kind, member)
        dbid = None if attribute is None else attribute.id_of(value)
        if dbid is None and isinstance(value, float):
            dbid = int(value)
        return str(dbid) if dbid is not None else None if value is None else str(value)

    def _by_field(self, mapping: Mapping[str, str]) -> Iterator[tuple[tuple[str, str], Attribute]]:
        for full_name, name in mapping.items():
            kind, _, field = full_name.lower().partition(".")
            member = _member(kind, field)
            if kind not in KINDS or member.removeprefix(f"{kind}_") not in FIELDS:
                hint = f"a kind of Service, State, Task and a field of {', '.join(FIELDS)}"
                raise MockcsError(f"business-attributes: {full_name!r} is no field that can be mapped", hint=hint)
            if name not in self.attributes:
                hint = f"give its values in [attributes.{name}]"
                raise MockcsError(f"business-attributes: {full_name} is mapped to the unknown {name}", hint=hint)
            yield (kind, member), self.attributes[name]


def _table(name: str, values: Any) -> Mapping[str, Any]:
    if not isinstance(values, Mapping):
        raise MockcsError(f"attributes.{name} must be a table of values", hint=f"[attributes.{name}]")
    return values


def _dbid(attribute: str, name: str, value: Any) -> int:
    # `Sales = 100`, or `Sales = {dbid = 100, expiration = "2w"}`
    if isinstance(value, Mapping) and (unknown := sorted(value.keys() - _MEMBERS)):
        hint = f"it may have {', '.join(_MEMBERS)}"
        raise MockcsError(f"attributes.{attribute}.{name} has no member {unknown[0]!r}", hint=hint)
    dbid = value.get("dbid") if isinstance(value, Mapping) else value
    if isinstance(dbid, bool) or not isinstance(dbid, int) or abs(dbid) > LARGEST["service"]:
        raise MockcsError(f"attributes.{attribute}.{name} must be a DB id, or have one", hint="Sales = 100")
    return dbid


def _member(kind: str, field: str) -> str:
    # One page prints `Service.type`, another `Service.service_type`.
    return f"{kind}_type" if field in ("type", f"{kind}_type") else field
