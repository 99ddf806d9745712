"""What is told of a test that fails: the calls of all its spaces, in the order of its clients."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from mockcs.client import Client
from mockcs.errors import MockcsError
from mockcs.fresh import Fresh
from mockcs.report import NO_CALL, headed, timeline, unmet
from mockcs.values import Call


def told_of(client: Fresh) -> tuple[str, dict[Client, Counter[int]]]:
    """The calls of a test and what became of them, and the ids of those of each client that broke a rule.

    Where the mock does not tell the calls, it is why it does not, and of no client.
    """
    try:
        found = {each: _of_space(each) for each in client.all}
    except Exception as error:  # noqa: BLE001 - whatever it is, the test's own error must still be told
        return str(error), {}
    texts = {each.space: text for each, (text, _) in found.items() if text != NO_CALL}
    own = f"{client.space}."  # which --mockcs-url puts before the names that a test gives
    named = (text if of == client.space else headed(str(of).removeprefix(own), text) for of, text in texts.items())
    return "\n".join(named) or NO_CALL, {each: refused for each, (_, refused) in found.items()}


def _of_space(client: Client) -> tuple[str, Counter[int]]:
    calls = client.calls
    evicted = client.ask("GET", "/calls?limit=0")["evicted"]
    try:
        refused = client.refused()
        before = _before_reset(refused, calls)
    except MockcsError as error:
        refused, before = [], str(error)
    told = [before, timeline(calls, evicted), unmet(client.ask("GET", "/faults")["faults"])]
    return "\n".join(filter(None, told)), Counter(call.id for call in refused)


def _before_reset(refused: Sequence[Call], calls: Sequence[Call]) -> str:
    earlier = refused[: len(refused) - sum(bool(call.violations) for call in calls)]
    return f"refused before a reset:\n{timeline(earlier)}\nsince the reset:" if earlier else ""
