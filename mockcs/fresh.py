"""The client that one test gets: what it makes beside its own space is told apart by test, and gone at its end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from mockcs.client import Client
from mockcs.errors import MockcsError


class Fresh(Client):
    """A client, in the hands of one test.

    Of a `shared` mock the space is the test's own, and so are those that `of()` makes, whatever others call theirs.
    """

    def __init__(self, client: Client, *, shared: bool) -> None:
        vars(self).update(vars(client))  # it reaches the mock as the other one does
        self._shared = shared
        self._made: list[Client] = []

    def of(self, space: str | None) -> Client:
        """A new client of another space of the same mock, None for the default one."""
        other = super().of(f"{self.space}.{space}" if self._shared and space is not None else space)
        if space is not None:
            self._made.append(other)
        return other

    @property
    def all(self) -> Iterator[Client]:
        """The clients of all spaces of the test."""
        yield self
        yield from self._made

    def forget(self) -> None:
        """Leave nothing behind: no snapshot in a space that others go on with, and no space of the test's own."""
        # A mock that is gone has taken the spaces with it, and a test that passed until then has said so.
        for each in self.all:
            with suppress(MockcsError):
                if each is self and not self._shared:
                    each.forget_snapshots()
                else:
                    each.forget_space()
