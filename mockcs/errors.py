"""The two errors of mockcs that are not a tester's failed assertion."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mockcs.messages import Violation


class MockcsError(Exception):
    """mockcs was set up or called wrongly.

    `str()` is one sentence that says what; `hint` says what to do about it, or is empty; `status` is that of the admin
    API's answer.
    """

    def __init__(self, sentence: str, hint: str = "", status: int = 400) -> None:
        super().__init__(sentence)
        self.hint = hint
        self.status = status
        if hint:
            self.add_note(textwrap.fill(hint, 64))  # so that a traceback shows it too


def meant_by(name: str, names: Iterable[str], otherwise: str) -> str:
    """The hint for a name that is unknown: the nearest of the known ones, `otherwise` if none is near."""
    from difflib import get_close_matches  # noqa: PLC0415 - only a mistake pays for it

    near = get_close_matches(name, names, n=1)
    return f"did you mean {near[0]}?" if near else otherwise


class Refusal(Exception):  # noqa: N818 - the vocabulary's word; it is an answer, not a failure of mockcs
    """The documented refusal of a request: a row of `errors.csv`, what fills its text, and the reasons."""

    def __init__(self, key: str, violations: tuple[Violation, ...] = (), **values: Any) -> None:
        super().__init__(key)
        self.key = key
        self.violations = violations
        self.values = values
