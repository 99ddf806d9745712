"""Random histories: what may happen to a mock in one space, as steps that can be done again in another one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from flask.testing import FlaskClient
from hypothesis import strategies as st

from tests.conftest import PREFIXES

NOON = "2026-01-01T12:00:00.000Z"
LISTS = "extensions=*&active_states=true&completed_states=true&active_tasks=true&completed_tasks=true"
SCHEMA = {
    "name": "Feedback",
    "type": "multi-valued",
    "attributes": [{"name": "Id", "type": "integer", "unique": True}, {"name": "Text", "type": "string"}],
}


@dataclass(frozen=True)
class Step:
    """One request: to the documented API of a generation, or to the admin API."""

    method: str
    path: str
    body: Any = None


def door(api: str, method: str, path: str, body: Any = None) -> Step:
    return Step(method, PREFIXES[api] + path, body)


# Names of attached data that are easily taken for something else, among plain ones.
PLAIN = ["note", "Note", "Feedback", "expires", "Ж~/"]
TAKEN = ["disposition", "disposition_desc", "state_id", "task_id", "service_id", "previous_state_id", "media_type"]
RESERVED = ["__mockcs", "completed", "started", "active_states", "active_tasks"]
NAMES = st.sampled_from(PLAIN) | st.sampled_from(TAKEN) | st.sampled_from(RESERVED)
VALUES: st.SearchStrategy[Any] = st.sampled_from(
    [
        None,
        True,
        0,
        -1,
        1.5,
        2**70,
        "",
        "text",
        "Ж\u2028",
        [],
        {},
        [1, {"a": None}],
        {"a": {"b": 1}},
        {"timestamp": NOON},
    ]
)
ATTACHED = st.dictionaries(NAMES, VALUES, max_size=3)
APIS = st.sampled_from(["8.1", "8.5"])
NUMBERS = st.integers(1, 4)
TYPES = st.sampled_from([1, "1", "x"])
KEYS = st.sampled_from([{"customer_id": "C1"}, {"contact_key": "42"}, {"customer_id": "C2", "contact_key": "42"}])
TIMES = st.sampled_from([{}, {"timestamp": NOON}, {"timestamp": "2026-01-01T11:00:00.000Z", "media_type": "web"}])
ORDERS = st.sampled_from(
    [{}, {}, {"auto_closed": True}, {"ttl": 60}, {"auto_complete_after": 30}, {"auto_complete_after": 30, "ttl": 90}]
)


def merged(*parts: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Attached data and members as one event; a documented member goes before attached data of its name."""
    return st.tuples(*parts).map(lambda found: {name: value for part in found for name, value in part.items()})


def event(kind: str, **more: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    own = st.fixed_dictionaries({f"{kind}_type": TYPES}, optional={"est_duration": st.integers(0, 9), **more})
    return merged(ATTACHED, TIMES, own)


SERVICES = merged(event("service"), KEYS, ORDERS)
PARTS = st.sampled_from(["state", "task"])
END = merged(ATTACHED, TIMES, st.fixed_dictionaries({}, optional={"disposition": TYPES}))
STARTS = st.builds(lambda api, body: door(api, "POST", "/services/start", body), APIS, SERVICES)
STATES = st.builds(
    lambda api, n, body: door(api, "POST", f"/services/{n}/states/start", body),
    APIS,
    NUMBERS,
    event("state", previous_state_id=NUMBERS),
)
TASKS = st.builds(
    lambda api, n, body: door(api, "POST", f"/services/{n}/tasks/start", body),
    APIS,
    NUMBERS,
    event("task", state_id=NUMBERS),
)
ENDS = st.builds(
    lambda api, n, part, body: door(api, "POST", f"/services/{n}{part}/end", body),
    APIS,
    NUMBERS,
    st.just("") | st.builds(lambda kind, n: f"/{kind}s/{n}", PARTS, NUMBERS),
    END,
)
COMPOSITES = st.builds(
    lambda service, state: door("8.5", "POST", "/services_composite/start", {"services": [{**service, **state}]}),
    st.fixed_dictionaries({"service": SERVICES}),
    st.fixed_dictionaries({"state": event("state")}, optional={"task": event("task")}),
)
OTHERS = st.builds(
    lambda n, name, value: door("8.5", "PUT", f"/services/{n}/extensions/{name}", value),
    NUMBERS,
    st.just("note"),
    VALUES,
)
CHANGES = st.sampled_from(
    [
        door("8.5", "DELETE", "/services/2"),
        door("8.5", "PUT", "/services/1", {"ttl": 600}),
        door("8.5", "POST", "/customers/C3/services/1", {}),
        door("8.5", "POST", "/services/1/states/transition", {"from": {"state_id": 1}, "to": {"state_type": 9}}),
        door("8.1", "POST", "/metadata/services/extensions", SCHEMA),
        door("8.1", "POST", "/metadata/states/extensions", SCHEMA),
        door("8.1", "DELETE", "/metadata/services/extensions/Feedback"),
        door("8.1", "POST", "/server/mode", {"mode": "maintenance"}),
        door("8.1", "POST", "/server/mode", {"mode": "production"}),
        Step("PUT", "/__admin/ids", {"state": 3, "service": 2}),
        Step("PUT", "/__admin/readings/undefined-extension", {"value": "accept"}),
        Step("PUT", "/__admin/readings/service-id", {"value": "string"}),
        Step("POST", "/__admin/clock/advance", {"seconds": 20}),
        Step("POST", "/__admin/clock/advance", {"seconds": 45}),
    ]
)
STEPS = STARTS | STARTS | STATES | TASKS | ENDS | COMPOSITES | OTHERS | CHANGES
HISTORIES = st.lists(STEPS, max_size=14)


class World:
    """One space of an app in this process, spoken to without a socket."""

    def __init__(self, client: FlaskClient, name: str) -> None:
        self.client = client
        self.name = name

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Status, and the JSON of the answer."""
        sent: Any = {} if body is None else {"data": json.dumps(body), "content_type": "application/json"}
        # By the header, so that what is answered does not tell the space.
        reply = self.client.open(path, method=method, headers={"Mockcs-Space": self.name}, **sent)
        return reply.status_code, json.loads(reply.data) if reply.data else None

    def do(self, history: list[Step]) -> list[Any]:
        """Do the steps one after the other; returns what was answered."""
        return [self.ask(step.method, step.path, step.body) for step in history]

    def freeze(self) -> None:
        """Let the clock stand still, so that what is done twice is the same."""
        assert self.ask("PUT", "/__admin/clock", {"now": NOON, "frozen": True})[0] == 200

    def state(self) -> Any:
        status, document = self.ask("GET", "/__admin/state")
        assert status == 200
        return document

    def seen(self) -> list[Any]:
        """What queries show of it, plainly and with everything."""
        listed = [
            f"{PREFIXES[api]}{path}"
            for api in PREFIXES
            for path in ("/customers/C1/services", "/services/anonymous/42", "/customers/C2/services/active")
        ]
        single = [f"{PREFIXES[api]}/services/{n}" for api in PREFIXES for n in range(1, 6)]
        more = ["/metadata/services/extensions", "/__admin/services", "/__admin/ids", "/__admin/readings"]
        paths = [*listed, *single, *(f"{path}?{LISTS}" for path in (*listed, *single)), *more]
        return [self.ask("GET", path) for path in paths]

    def forget(self) -> None:
        """Do away with the space."""
        self.client.delete(f"/__admin/spaces/{self.name}")
