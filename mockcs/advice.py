"""What is legal but looks like a mistake."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

from mockcs.addresses import PREFIXES

_LONGEST = 64  # characters of a name that can be one of the documented ones misspelt
_BOTH_WAYS = frozenset({"satisfaction", "Satisfaction"})  # attached data that the pages themselves write so and so
_NOT_MOCKED = ("/profiles", "/metadata/profiles", "/metadata/identification-keys", "/interactions")


def meant(name: str, documented: frozenset[str]) -> str:
    """A question after the documented name that is one edit away, or equal but for case; empty without one."""
    near = _near(name, documented) if len(name) <= _LONGEST else None
    return f"; did you mean {near}?" if near else ""


def of_members(names: Iterable[str], documented: frozenset[str], others: frozenset[str]) -> tuple[str, ...]:
    """Advice on the names that a table does not document, and on those among them that another event has."""
    unknown = [name for name in names if name not in documented]
    foreign = [
        f"{name} is a member of another event; here it is taken as attached data" for name in unknown if name in others
    ]
    near = [f"{name} is taken as attached data{hint}" for name in unknown if (hint := meant(name, documented))]
    return (*near, *foreign)


def unread(names: Iterable[str], documented: frozenset[str]) -> tuple[str, ...]:
    """Advice on the names that a table does not document and that are no attached data either."""
    return tuple(f"{name} is not documented here, it is not read{meant(name, documented)}" for name in names)


def respelt(names: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Advice on names of attached data, each with the spelling in which it was first written."""
    for name, known in names:
        if not {name, known} <= _BOTH_WAYS:
            yield f"{name} differs only by case from the attached data {known}"


@lru_cache(maxsize=4096)
def _near(name: str, documented: frozenset[str]) -> str | None:
    folded = name.casefold()
    return next((other for other in sorted(documented) if folded == other or is_one_edit(folded, other)), None)


def is_one_edit(one: str, other: str) -> bool:
    """Whether a letter more, less or changed, or two neighbours swapped, makes one the other."""
    if abs(len(one) - len(other)) > 1:
        return False
    start = 0
    while start < min(len(one), len(other)) and one[start] == other[start]:
        start += 1
    left, right = one[start:], other[start:]
    return (
        left[1:] == right[1:]
        or left[1:] == right
        or left == right[1:]
        or (left[:2] == right[1::-1] and left[2:] == right[2:])
    )


def unknown_url(method: str, path: str, near: str) -> str:
    """Advice on a call that no operation answers; `near` is the path that was probably meant."""
    if path.removeprefix(PREFIXES["8.5"]).startswith(_NOT_MOCKED) or path.endswith("/interactions"):
        return f"{method} {path} is of the profiles, identification and interactions, which mockcs does not mock"
    return f"no documented operation is {method} {path}" + (f"; did you mean {near}?" if near else "")
