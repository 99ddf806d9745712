"""Long runs of calls in both generations against a model of plain dicts: what was sent comes back, and nothing else."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from flask.testing import FlaskClient
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from mockcs.app import create_app
from tests.conftest import NOTHING, PREFIXES
from tests.model import Document, Model, text_of

LISTS = "active_states=true&completed_states=true&active_tasks=true&completed_tasks=true&extensions=*"
KEYS = [("customer_id", "C1"), ("customer_id", "C2"), ("contact_key", "42"), ("contact_key", "408-832")]
PLAIN: list[Any] = ["text", 7, None, True, -(2**70), "", 1.5, "Ж\u2028"]
SCALARS = st.sampled_from(PLAIN)
JSON = st.sampled_from([{"a": 1}, {"b": [2, {"c": None}]}, {}, [], [{"a": 1}, "x"], *PLAIN])
TYPES = st.sampled_from([1, 2, "Waiting", "1"])
APIS = st.sampled_from(["8.1", "8.5"])
KINDS = st.sampled_from(["service", "state", "task"])
PARTS = st.sampled_from(["state", "task"])
WHICH = st.integers(0, 20)
SECONDS = st.sampled_from([10, 40, 300, 0, 3600])
PAUSE = st.sampled_from([0, 40])
LARGEST = 2**31 - 1
MOST = 4  # services at one time: with few of them more happens to each


@cache
def app() -> FlaskClient:
    return create_app().test_client()


def optional(**strategies: st.SearchStrategy[Any]) -> st.SearchStrategy[Document]:
    return st.fixed_dictionaries({}, optional=strategies)


OCCASION = optional(
    timestamp=st.sampled_from([text_of(seconds) for seconds in (0, -100, 50)]),
    interaction_id=st.sampled_from(["i", "ö"]),
    media_type=TYPES,
)
ATTACHED = {"8.1": optional(note=SCALARS, colour=SCALARS), "8.5": optional(note=JSON, colour=JSON)}
OUTCOME = optional(disposition=TYPES, disposition_desc=st.sampled_from(["sold", ""]))
DURATION = optional(est_duration=st.sampled_from([5, 0]))
both = st.tuples(APIS.flatmap(lambda api: st.tuples(st.just(api), ATTACHED[api])), OCCASION)


class ContextServices(RuleBasedStateMachine):
    """Services, states, tasks, attached data and time, over both doors to one state."""

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.admin("POST", "reset")
        self.admin("PUT", "clock", {"now": text_of(0), "frozen": True})

    def send(self, api: str, method: str, path: str, body: Any = NOTHING) -> tuple[int, Any]:
        sent: Document = {} if body is NOTHING else {"data": json.dumps(body), "content_type": "application/json"}
        reply = app().open(PREFIXES[api] + path, method=method, **sent)
        return reply.status_code, reply.json if reply.data else None

    def admin(self, method: str, path: str, body: Any = NOTHING) -> Any:
        status, found = self.send("8.1", method, f"/__admin/{path}", body)
        assert status in (200, 201), found
        return found

    def service(self, which: int) -> int:
        return sorted(self.model.services)[which % len(self.model.services)]

    def part(self, kind: str, which: int) -> tuple[int, int]:
        """A service and a state or task in it; for a service its own id again."""
        found = [(number, each) for number, service in self.model.services.items() for each in service.get(kind, ())]
        return found[which % len(found)] if kind != "service" else (self.service(which),) * 2

    def has(self, kind: str) -> bool:
        return any(each.get(kind) or kind == "service" for each in self.model.services.values())

    @initialize(idle=st.sampled_from([350, 50]), kind=PARTS)
    def begin(self, idle: int, kind: str) -> None:
        """Begin with a service and a part, so that every rule has something to do."""
        self.start_service((("8.5", {}), {}), KEYS[0], 1, {}, 9000, idle)
        self.start_part((("8.5", {}), {}), 0, kind, 1, {}, 20)

    @precondition(lambda self: len(self.model.services) < MOST)
    @rule(
        given=both,
        keys=st.sampled_from([*KEYS, None]),
        type_=TYPES,
        own=DURATION,
        ttl=st.sampled_from([0, 900, 9000]),
        idle=st.sampled_from([350, 50, 0]),
    )
    def start_service(self, given: Any, keys: Any, type_: Any, own: Document, ttl: int, idle: int) -> None:
        (api, attached), occasion = given
        named = dict([keys]) if keys else {"customer_id": "C1", "contact_key": "42"}
        members = {**named, "service_type": type_, **own}
        given_orders = {"ttl": ttl, "auto_complete_after": idle}
        orders = {name: value for name, value in given_orders.items() if value and api == "8.5"}
        status, answer = self.send(api, "POST", "/services/start", {**members, **occasion, **attached, **orders})
        assert (status, list(answer)) == (201, ["service_id"])
        self.model.start_service(answer["service_id"], members, occasion, attached, orders)

    @precondition(lambda self: self.model.services)
    @rule(given=both, which=WHICH, kind=PARTS, type_=TYPES, own=DURATION, other=WHICH, pause=PAUSE)
    def start_part_later(self, pause: int, **given: Any) -> None:
        self.advance(pause)
        if self.model.services:
            self.start_part(**given)

    def start_part(self, given: Any, which: int, kind: str, type_: Any, own: Document, other: int) -> None:
        (api, attached), occasion = given
        service = self.service(which)
        members = {f"{kind}_type": type_, **own, **({"state_id": other} if kind == "task" and other < 10 else {})}
        status, answer = self.send(
            api, "POST", f"/services/{service}/{kind}s/start", {**members, **occasion, **attached}
        )
        assert (status, list(answer)) == (201, [f"{kind}_id"])
        self.model.start_part(kind, service, answer[f"{kind}_id"], members, occasion, attached)

    @precondition(lambda self: self.model.services)
    @rule(given=both, which=WHICH, kind=KINDS, own=OUTCOME, pause=PAUSE)
    def complete(self, given: Any, which: int, kind: str, own: Document, pause: int) -> None:
        (api, attached), occasion = given
        self.advance(pause)
        if not (self.model.services and self.has(kind)):
            return
        service, number = self.part(kind, which)
        path = f"/services/{service}" + ("" if kind == "service" else f"/{kind}s/{number}")
        assert self.send(api, "POST", f"{path}/end", {**own, **occasion, **attached}) == (204, None)
        self.model.complete(kind, service, number, own, occasion, attached)

    @precondition(lambda self: self.model.services)
    @rule(given=both, which=WHICH, customer=st.sampled_from(["C1", "C2"]), own=DURATION)
    def associate(self, given: Any, which: int, customer: str, own: Document) -> None:
        (api, attached), occasion = given
        service = self.service(which)
        path = f"/customers/{customer}/services/{service}"
        assert self.send(api, "POST", path, {**own, **occasion, **attached}) == (200, None)
        self.model.associate(service, customer, own, occasion, attached)

    @precondition(lambda self: self.has("state"))
    @rule(given=both, which=WHICH, own=OUTCOME, type_=TYPES, more=DURATION)
    def transition(self, given: Any, which: int, own: Document, type_: Any, more: Document) -> None:
        (api, attached), occasion = given
        service, old = self.part("state", which)
        to = {"state_type": type_, **more}
        body = {"from": {"state_id": old, **own}, "to": to, **occasion, **attached}
        status, answer = self.send(api, "POST", f"/services/{service}/states/transition", body)
        assert (status, list(answer)) == (201, ["state_id"])
        self.model.transition(service, old, answer["state_id"], own, to, occasion, attached)

    @precondition(lambda self: self.model.services)
    @rule(which=WHICH, kind=KINDS, value=JSON, merge=st.booleans())
    def attach(self, which: int, kind: str, value: Any, merge: bool) -> None:
        if not self.has(kind):
            return
        service, number = self.part(kind, which)
        url = f"/services/{service}" + ("" if kind == "service" else f"/{kind}s/{number}") + "/extensions/note"
        shown = self.model.owned(kind, service, number)
        if merge:
            before = shown.get("note", {})
            fits = isinstance(value, dict) and isinstance(before, dict)
            assert self.send("8.5", "PUT", f"{url}/merge", value)[0] == (200 if fits else 400)
            value = {**before, **value} if fits else before
            if not fits:
                return
        else:
            assert self.send("8.5", "PUT", url, value)[0] == 200
        self.model.attach(kind, service, number, "note", value)

    @precondition(lambda self: self.model.services)
    @rule(which=WHICH, ttl=SECONDS)
    def delete_or_expire(self, which: int, ttl: int) -> None:
        service = self.service(which)
        if ttl:
            assert self.send("8.5", "PUT", f"/services/{service}", {"ttl": 100 * ttl}) == (200, None)
            self.model.services[service]["expires"] = self.model.now + 100 * ttl
            self.model.touch(service)
        else:
            assert self.send("8.5", "DELETE", f"/services/{service}") == (200, None)
            del self.model.services[service]

    @rule(seconds=SECONDS)
    def advance(self, seconds: int) -> None:
        expired, completed = self.model.advance(seconds)
        found = self.admin("POST", "clock/advance", {"seconds": seconds})
        assert found == {"now": text_of(self.model.now), "expired": expired, "completed": completed}

    @rule(api=APIS, number=WHICH, bad=st.sampled_from(["lacks", "kind", "unknown", "url", "transition"]))
    def is_refused(self, api: str, number: int, bad: str) -> None:
        known = self.service(number) if self.model.services else 99
        method, path, body = {
            "lacks": ("POST", "/services/start", {"service_type": 1}),
            "kind": ("POST", f"/services/{known}/states/start", {"state_type": [1], "est_duration": "x"}),
            "unknown": ("POST", f"/services/{LARGEST}/end", {"disposition": 1}),
            "url": ("POST", f"/services/{known}/tasks/{LARGEST}/end", {"note": 1}),
            "transition": ("POST", f"/services/{known}/states/transition", {"from": {"state_id": LARGEST}, "to": {}}),
        }[bad]
        before = self.admin("GET", "state")
        assert self.send(api, method, path, body)[0] in (400, 404)
        assert self.admin("GET", "state") == before

    @invariant()
    def every_service_is_shown_as_it_was_told(self) -> None:
        for number in self.model.services:
            assert self.send("8.5", "GET", f"/services/{number}?{LISTS}") == (200, self.model.document(number))
        planted = self.admin("GET", "services")["services"]
        assert sorted(each["service_id"] for each in planted) == sorted(self.model.services)

    @invariant()
    def every_service_is_in_one_history_and_active_and_completed_ones_are_all(self) -> None:
        seen, given = [], [each["shown"].items() for each in self.model.services.values()]
        for name, value in [key for key in KEYS if any(key in each for each in given)]:
            path = f"/customers/{value}/services" if name == "customer_id" else f"/services/anonymous/{value}"
            lists = {}
            for of, active in (("", None), ("/active", True), ("/completed", False)):
                status, found = self.send("8.1", "GET", path + of)
                lists[of] = [each["service_id"] for each in found]
                assert (status, lists[of]) == (200, self.model.history(name, value, active))
            assert sorted(lists["/active"] + lists["/completed"]) == sorted(lists[""])
            seen += lists[""]
        assert sorted(seen) == sorted(self.model.services)


ContextServices.TestCase.settings = settings(
    max_examples=20, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)


TestContextServices = ContextServices.TestCase
