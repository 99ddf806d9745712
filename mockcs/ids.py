"""The ids that the server gives: counted per kind, and how a service's id is written."""

from __future__ import annotations

import uuid
from collections.abc import Container
from dataclasses import dataclass
from typing import TypeGuard

LARGEST = {"service": 2**63 - 1, "state": 2**31 - 1, "task": 2**31 - 1}
"""The largest id of each kind: 64 bits for services, 32 for states and tasks (Start State, Start Task, 8.1.x)."""
KINDS = tuple(LARGEST)
"""What has ids: services, states and tasks."""


def is_id(kind: str, number: object) -> TypeGuard[int]:
    """Whether a value can be the next id of that kind."""
    return isinstance(number, int) and not isinstance(number, bool) and 0 <= number <= LARGEST[kind]


@dataclass(slots=True)
class Ids:
    """The next id of each kind."""

    service: int = 1
    state: int = 1
    task: int = 1

    def free(self, kind: str, taken: Container[int]) -> int:
        """The first id from the next one on that is not taken; behind the largest it begins anew."""
        number: int = getattr(self, kind)
        while number in taken or number > LARGEST[kind]:
            number = 1 if number > LARGEST[kind] else number + 1
        return number


def written(number: int, form: str) -> int | str:
    """A service's id as the reading `service-id` has it: the number itself, or `<number>-<uuid>`.

    The uuid follows from the number, so the same calls give the same ids (Delete Service By ID, 8.5.1).
    """
    return number if form == "integer" else f"{number}-{uuid.uuid5(uuid.NAMESPACE_OID, str(number))}"


def number_of(text: str) -> int | None:
    """The number behind a service's id of the form `<number>-<uuid>`; None when mockcs never gave such an id."""
    digits = text.partition("-")[0]
    if not (digits.isascii() and digits.isdigit() and len(digits) < 20):
        return None
    number = int(digits)
    return number if written(number, "string") == text else None
