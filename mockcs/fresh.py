"""The client that one test gets: what it makes beside its own space is told apart by test, and gone at its end."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress

from mockcs.client import Client
from mockcs.errors import MockcsError
from mockcs.spaces import DEFAULT, LONGEST


class Fresh(Client):
    """A client, in the hands of one test.

    Of a `shared` mock the space is the test's own, and so are those that `of()` makes, whatever others call theirs.
    """

    def __init__(self, client: Client, *, shared: bool) -> None:
        vars(self).update(vars(client))  # it reaches the mock as the other one does
        self._shared = shared
        self._root = self
        self._spaces: dict[str, Fresh] = {self.space or DEFAULT: self}

    def of(self, space: str | None) -> Client:
        """The client of another space of the same mock, None for the default one."""
        if self._shared and space is not None:
            name = f"{self._root.space}.{space}"
            digest = hashlib.sha256(name.encode()).hexdigest()
            space = name if len(name) <= LONGEST or len(space) > LONGEST else f"{self._root.space}.{digest[:32]}"
        known = self._spaces.get(DEFAULT if space is None else space)
        if known is not None:
            return known
        other = Fresh(super().of(space), shared=self._shared)
        other._root, other._spaces = self._root, self._spaces
        if space is not None:  # the default space of a shared mock is nobody's own
            self._spaces[space] = other
        return other

    @property
    def all(self) -> Iterator[Fresh]:
        """The clients of all spaces of the test, one of each."""
        yield from list(self._spaces.values())

    def forget_space(self) -> None:
        """Do away with the space. A documented rule that was broken in it fails the test all the same."""
        if self.space in self.ask("GET", "/spaces")["spaces"]:  # the default one is reset, which keeps them too
            self._refused, self._lost = self._broken(0)
        super().forget_space()

    def forget(self) -> None:
        """Leave nothing behind: no snapshot in a space that others go on with, and no space of the test's own."""
        # A mock that is gone has taken the spaces with it, and a test that passed until then has said so.
        for each in self.all:
            with suppress(MockcsError):
                if each is self._root and not self._shared:
                    each.forget_snapshots()
                else:
                    super(Fresh, each).forget_space()
