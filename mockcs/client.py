"""Client: what a test talks to. It speaks the admin API and nothing else, in process or to a container."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from mockcs.addresses import ADMIN, PREFIXES, SPACE
from mockcs.errors import MockcsError
from mockcs.report import failed_order, failed_verification, named, unknown_service
from mockcs.settable import ClockHand, Ids, Readings
from mockcs.transport import Transport, checked_url, in_path, matches_of, milliseconds
from mockcs.values import Call, Calls, Service

_USUAL = 503


class Client:
    """A mock to look into and to set up, in the default space or one of its own.

    `base_url` is scheme, host and port of a running mock, `token` that of its admin API, and `tls_cert` the file of its
    certificate if nobody else vouches for it. Raises MockcsError when the mock does not answer or refuses what it is
    asked, and AssertionError when an expectation does not hold.
    """

    def __init__(
        self, base_url: str, *, space: str | None = None, token: str | None = None, tls_cert: str = ""
    ) -> None:
        self.base_url = checked_url(base_url).rstrip("/")
        self.space = space
        self._refused: list[Call] = []
        self._lost = 0
        self._snapshots: set[str] = set()
        self._transport = Transport(tls_cert, token)
        self._prefix = "" if space is None else SPACE + in_path(space)

    def of(self, space: str | None) -> Client:
        """A new client of another space of the same mock, None for the default one."""
        other = Client(self.base_url, space=space)
        other._transport = self._transport
        return other

    def __repr__(self) -> str:
        """Where it points to."""
        return f"Client({self.base_url + self._prefix!r})"

    @property
    def url(self) -> str:
        """The base URL of Context Services 8.5 for the application under test."""
        return self.url_81 + PREFIXES["8.5"]

    @property
    def url_81(self) -> str:
        """The base URL of Context Services 8.1 for the application under test."""
        return self.base_url + self._prefix

    @property
    def calls(self) -> Calls:
        """The calls so far: a sequence with `of(operation)` and `last`."""
        return Calls(self._calls)

    @property
    def ids(self) -> Ids:
        """The next ids: `mockcs.ids.service = 12349857`."""
        return Ids(self)

    @property
    def clock(self) -> ClockHand:
        """The space's time: `mockcs.clock.freeze("2009-05-12T12:05:12.145Z")`, `mockcs.clock.advance(60)`."""
        return ClockHand(self)

    @property
    def readings(self) -> Readings:
        """The readings of this space: `mockcs.readings["complete-status"] = "200"`."""
        return Readings(self)

    def service(self, service_id: int | str) -> Service:
        """The service with everything in it; AssertionError when there is none."""
        __tracebackhide__ = True
        status, document = self._ask("GET", f"/services/{in_path(str(service_id), slash=True)}")
        if status == 404:
            raise AssertionError(unknown_service(service_id, [each["service_id"] for each in self.services()]))
        return Service(document)

    def services(self, **wanted: Any) -> list[Service]:
        """The services; `customer_id`, `contact_key` and `active` keep some of them, None keeps all."""
        __tracebackhide__ = True
        query = {name: str(value).lower() if value in (True, False) else value for name, value in wanted.items()}
        asked = urlencode({name: value for name, value in query.items() if value is not None})
        return [Service(each) for each in self.ask("GET", f"/services?{asked}")["services"]]

    def given_service(self, **members: Any) -> Service:
        """Plant a service without leaving a call; the members are those that a query shows, without ids.

        For example `given_service(customer_id="C1", active_states=[{"state_type": 1}])`.
        """
        __tracebackhide__ = True
        return Service(self.ask("POST", "/services", members))

    def assert_called(
        self,
        operation: str | None = None,
        *,
        times: int | None = None,
        at_least: int | None = None,
        at_most: int | None = None,
        **match: Any,
    ) -> Call:
        """Hold that the operation was called so, at least once or exactly `times`; returns the newest such call.

        `match` takes api, method, path, path_params, query, headers, body (a subset), body_schema, status,
        violations and advice.
        """
        __tracebackhide__ = True
        if at_most and at_least is None:
            at_least = 1  # it was called
        counts = {"exactly": times, "at_least": at_least, "at_most": at_most}
        found = self._verified(operation, match, counts)
        if not found["calls"]:
            raise MockcsError("no call was wanted, so there is none to return", hint="use assert_not_called")
        return self._call(found["calls"][-1])

    def assert_not_called(self, operation: str | None = None, **match: Any) -> None:
        """Hold that no such call came."""
        __tracebackhide__ = True
        self._verified(operation, match, {"exactly": 0})

    def wait_for(
        self,
        operation: str | None = None,
        *,
        timeout: float = 5.0,
        times: int | None = None,
        at_least: int | None = None,
        **match: Any,
    ) -> Call:
        """Wait until such calls have been answered, `timeout` seconds at the most; returns the newest one.

        It waits for one of them, for exactly `times`, or for `at_least` so many.
        """
        __tracebackhide__ = True
        counts = {"within_ms": milliseconds(timeout), "exactly": times, "at_least": at_least}
        found = self._verified(operation, match, counts)
        if not found["calls"]:
            raise MockcsError("no call was wanted, so there is none to wait for", hint="use assert_not_called")
        return self._call(found["calls"][-1])

    def assert_order(self, *expected: str | Mapping[str, Any]) -> None:
        """Hold that these calls came in this order, others between them allowed; each a name or a match."""
        __tracebackhide__ = True
        matches = matches_of(expected)
        status, found = self._ask("POST", "/calls/verify-order", {"matches": matches})
        if status == 409:
            raise AssertionError(failed_order(matches, found, self._known(named(found))))

    def fail(
        self,
        operation: str | None = None,
        *,
        status: int | None = _USUAL,
        times: int | None = 1,
        after_commit: bool = False,
        **more: Any,
    ) -> int:
        """Let the next `times` calls of an operation fail (all of them with None); returns the fault's id.

        With `after_commit` the state is changed and only the answer is lost. `more` takes headers, body, match,
        connection (reset, close, truncate; then 503 counts for none), delay_ms, skip, probability and seed.
        """
        __tracebackhide__ = True
        if status == _USUAL and more.get("connection"):
            status = None  # the connection is what fails
        given = {"operation": operation, "status": status, "times": times}
        fault = {name: value for name, value in {**given, **more}.items() if value is not None}
        return int(self.ask("POST", "/faults", fault | ({"after_commit": True} if after_commit else {}))["id"])

    def delay(self, operation: str | None = None, *, seconds: float, times: int | None = 1, **more: Any) -> int:
        """Hold back the next `times` answers of an operation for so long; returns the fault's id."""
        __tracebackhide__ = True
        return self.fail(operation, **{"status": None, **more, "times": times, "delay_ms": milliseconds(seconds)})

    def clear_faults(self) -> None:
        """Take back all faults."""
        __tracebackhide__ = True
        self.ask("DELETE", "/faults")

    def snapshot(self, name: str) -> None:
        """Keep state, ids, readings, and the clock if it is frozen, under a name."""
        __tracebackhide__ = True
        self.ask("POST", f"/snapshots/{in_path(name)}")
        self._snapshots.add(name)

    def restore(self, name: str) -> None:
        """Go back to a snapshot."""
        __tracebackhide__ = True
        self.ask("POST", f"/snapshots/{in_path(name)}/restore")

    def forget_snapshots(self) -> None:
        """Do away with the snapshots that this client has taken."""
        __tracebackhide__ = True
        while self._snapshots:
            self._ask("DELETE", f"/snapshots/{in_path(self._snapshots.pop())}")  # 404: it is gone already

    def reset(self) -> None:
        """Begin the space anew: state, ids and readings as the server began, no calls, no faults.

        A documented rule that was broken before stays known to the pytest fixture.
        """
        __tracebackhide__ = True
        self._refused, self._lost = self._broken(0)
        self.ask("POST", "/reset")

    def refused(self, *, within: float = 0) -> list[Call]:
        """The calls that broke a documented rule, those before a reset of this client included.

        Waits `within` seconds at the most for calls under way; MockcsError when only evicted calls broke a rule.
        """
        __tracebackhide__ = True
        calls, lost = self._broken(within)
        if lost and not calls:
            sentence = f"calls that broke a documented rule and are no longer kept: {lost}"
            raise MockcsError(sentence, hint="raise max_calls and max_journal_bytes")
        return calls

    def _broken(self, within: float) -> tuple[list[Call], int]:
        __tracebackhide__ = True
        wanted, lost = {"match": {"violations": True}, "exactly": 0}, self._lost
        _, found = self._ask("POST", "/calls/verify", wanted)
        if found["verdict"] == "cannot_say":
            # What was under way may have ended in the meantime, so the verdict has to be asked for again.
            waited = within if self.ask("GET", "/calls?limit=0")["in_flight"] else 0
            _, found = self._ask("POST", "/calls/verify", {**wanted, "within_ms": milliseconds(waited)})
            lost += self.ask("GET", "/calls?limit=0").get("evicted_refused", 0)
        kept = self._known(found["calls"])  # one may have been evicted meanwhile
        return [*self._refused, *kept.values()], lost + len(found["calls"]) - len(kept)

    def forget_space(self) -> None:
        """Do away with this client's own space; the default one is reset."""
        __tracebackhide__ = True
        self._snapshots.clear()
        if self.space is None:
            self.reset()
        else:
            self.ask("DELETE", f"/spaces/{in_path(self.space)}")

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """The admin API's answer to a request below /__admin; MockcsError with its sentence and hint otherwise."""
        __tracebackhide__ = True
        if not path.startswith("/"):
            raise MockcsError(f"a path begins with a slash, unlike {path!r}")
        status, document = self._ask(method, path, body)
        if status >= 400 and "error" in document:  # a verdict is an answer
            raise MockcsError(document["error"], document.get("hint", ""), status)
        return document

    def _verified(self, operation: str | None, match: dict[str, Any], counts: Mapping[str, float | None]) -> Any:
        __tracebackhide__ = True
        wanted = {**({} if operation is None else {"operation": operation}), **match}
        given = {name: count for name, count in counts.items() if count is not None}
        status, found = self._ask("POST", "/calls/verify", {"match": wanted, **given})
        if status == 409:
            raise AssertionError(failed_verification(wanted, found, self._known(named(found))))
        return found

    def _known(self, numbers: list[int]) -> dict[int, Call]:
        asked = ((number, *self._ask("GET", f"/calls/{number}")) for number in numbers)
        return {number: Call(document, self._sent_so) for number, status, document in asked if status == 200}

    def _call(self, number: int) -> Call:
        return Call(self.ask("GET", f"/calls/{number}"), self._sent_so)

    def _calls(self, operation: str | None) -> list[Call]:
        __tracebackhide__ = True
        query = "" if operation is None else f"?{urlencode({'operation': operation})}"
        found = self.ask("GET", f"/calls{query}")["calls"]
        return [Call(document, self._sent_so) for document in found]

    def _sent_so(self, number: int, header: str, value: str) -> bool:
        # Only the mock can compare a masked header.
        _, found = self._ask("POST", "/calls/verify", {"match": {"headers": {header: value}}})
        if number in found["calls"]:
            return True
        self._call(number)  # raises where the call is no longer kept, so that nothing can be said of it
        return False

    def _ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        __tracebackhide__ = True
        # A refusal that the caller turns into its own sentence comes back as it is; others raise.
        status, document = self._transport.asked(self.base_url, method, self._prefix + ADMIN + path, body)
        if status >= 400 and status not in (404, 409):
            raise MockcsError(document.get("error", str(status)), document.get("hint", ""), status)
        return status, document
