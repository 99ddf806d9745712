"""Ids by key: how a resource is found without a scan."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_SIDES = ("-", "+")  # completed, active


class Index:
    """Ids by key, in order of their adding; a key's only id is kept as a number, more of them as a dict.

    Numbers, strings and dicts of them are what Python's collector need not look at.
    """

    __slots__ = ("_ids", "_unsorted")

    def __init__(self) -> None:
        self._ids: dict[str, int | dict[int, None]] = {}
        self._unsorted: set[str] = set()

    def copy(self) -> Index:
        """The same index, to be changed apart from this one."""
        twin = Index()
        twin._ids = {key: found if isinstance(found, int) else dict(found) for key, found in self._ids.items()}
        twin._unsorted = set(self._unsorted)
        return twin

    def add(self, key: str, number: int) -> None:
        """Put the id under the key."""
        found = self._ids.setdefault(key, number)
        if found == number:
            return
        if isinstance(found, int):
            found = self._ids[key] = {found: None}
        if number < next(reversed(found)):
            self._unsorted.add(key)
        found[number] = None

    def discard(self, key: str, number: int) -> None:
        """Take the id from under the key."""
        found = self._ids.get(key)
        if isinstance(found, dict):
            found.pop(number, None)
        if found in (number, {}):
            del self._ids[key]
            self._unsorted.discard(key)

    def ids(self, key: str) -> list[int]:
        """The ids under the key."""
        found = self._ids.get(key, ())
        return [found] if isinstance(found, int) else list(found)

    def newest_first(self, key: str) -> Iterator[int]:
        """The ids under the key from the largest down, one by one."""
        found = self._ids.get(key, {})
        if isinstance(found, int):
            return iter((found,))
        if key in self._unsorted:
            found = self._ids[key] = dict.fromkeys(sorted(found))
            self._unsorted.remove(key)
        return reversed(found)


def history(customer_id: str, *, active: bool) -> str:
    """The index key of a customer's active or completed services."""
    return f"customer {_SIDES[active]} {customer_id}"


def anonymous(contact_key: str, *, active: bool) -> str:
    """The index key of a contact key's active or completed anonymous services."""
    return f"anonymous {_SIDES[active]} {contact_key}"


def parts(kind: str, service_id: int, *, active: bool, state_id: int | None = None) -> str:
    """The index key of the active or completed states or tasks of a service, or tasks of one of its states."""
    key = f"{kind} {_SIDES[active]} {service_id}"
    return key if state_id is None else f"{key} {state_id}"


def associated(contact_key: str) -> str:
    """The index key of a contact key's active services that have a customer, and so are not anonymous."""
    return f"associated {contact_key}"


def typed_twins(kind: str, member: str, value: Any, type_: Any) -> str:
    """The index key under which a composite start finds an active resource of that type, None for none."""
    return f"typed {kind} {member} {_same(type_)} {_same(value)}"


def _same(value: Any) -> str:
    # 4 and 4.0 are one integer, "4" is another type. The repr of a text ends where it says, whatever is in it.
    return repr(int(value)) if isinstance(value, float) else repr(value)
