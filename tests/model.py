"""Context Services as plain dicts: what the documented API must show after each call, in seconds from a noon."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

Document = dict[str, Any]
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
FIVE_YEARS = 5 * 365 * 86_400


def text_of(seconds: int) -> str:
    """The moment so many seconds after noon, as the API writes it."""
    return (NOON + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.000Z")


class Model:
    """Services with their states and tasks: `shown` is what a query shows of each, its ids included."""

    def __init__(self) -> None:
        self.now = 0
        self.services: dict[int, Document] = {}
        self.used: dict[str, set[int]] = {"service": set(), "state": set(), "task": set()}

    def started(self, kind: str, number: int, members: Document, occasion: Document, attached: Document) -> Document:
        """A new resource; its id must never have been given before."""
        assert number not in self.used[kind], f"{kind} {number} was given twice"
        self.used[kind].add(number)
        moment = {"timestamp": text_of(self.now), **occasion}
        return {f"{kind}_id": number, **members, "started": moment, **attached}

    def start_service(
        self, number: int, members: Document, occasion: Document, attached: Document, orders: Document
    ) -> None:
        shown = self.started("service", number, members, occasion, attached)
        self.services[number] = {
            "shown": shown,
            "state": {},
            "task": {},
            "expires": self.now + orders.get("ttl", FIVE_YEARS),
            "idle": orders.get("auto_complete_after"),
            "touched": self.now,
        }

    def start_part(
        self, kind: str, service: int, number: int, members: Document, occasion: Document, attached: Document
    ) -> None:
        self.services[service][kind][number] = self.started(kind, number, members, occasion, attached)
        self.touch(service)

    def touch(self, service: int) -> None:
        self.services[service]["touched"] = self.now

    def owned(self, kind: str, service: int, number: int) -> Document:
        """What is shown of a service (`number` does not matter) or of a state or task in it."""
        found: Document = self.services[service]["shown"] if kind == "service" else self.services[service][kind][number]
        return found

    def complete(
        self, kind: str, service: int, number: int, own: Document, occasion: Document, attached: Document
    ) -> None:
        shown = self.owned(kind, service, number)
        shown |= {**own, **attached, "completed": {"timestamp": text_of(self.now), **occasion}}
        self.touch(service)

    def associate(self, service: int, customer: str, own: Document, occasion: Document, attached: Document) -> None:
        shown = self.services[service]["shown"]
        shown |= {"customer_id": customer, **own, **attached}
        shown["started"] |= {name: value for name, value in occasion.items() if name != "timestamp"}
        self.touch(service)

    def transition(
        self, service: int, old: int, new: int, own: Document, to: Document, occasion: Document, attached: Document
    ) -> None:
        self.complete("state", service, old, own, occasion, attached)
        self.start_part("state", service, new, {**to, "previous_state_id": old}, occasion, attached)

    def attach(self, kind: str, service: int, number: int, name: str, value: Any) -> None:
        self.owned(kind, service, number)[name] = value
        self.touch(service)

    def advance(self, seconds: int) -> tuple[list[int], list[int]]:
        """The services that expired and that were ended for their idleness, in order of time and id."""
        self.now += seconds
        expired, completed = [], []
        while due := sorted(each for each in self._due() if each[0] <= self.now):
            when, number, ends = due[0]
            if ends:
                self._end(number, {"timestamp": text_of(when)})
                completed.append(number)
            else:
                del self.services[number]
                expired.append(number)
        return expired, completed

    def _due(self) -> list[tuple[int, int, bool]]:
        found = []
        for number, each in self.services.items():
            found.append((each["expires"], number, False))
            if each["idle"] is not None and "completed" not in each["shown"]:
                found.append((each["touched"] + each["idle"], number, True))
        return found

    def _end(self, number: int, moment: Document) -> None:
        service = self.services[number]
        for shown in (service["shown"], *service["state"].values(), *service["task"].values()):
            shown.setdefault("completed", dict(moment))

    def document(self, number: int) -> Document:
        """The service as a query with all lists and attached data shows it."""
        service = self.services[number]
        lists = {}
        for kind in ("state", "task"):
            parts = sorted(service[kind].values(), key=lambda each: (each["started"]["timestamp"], each[f"{kind}_id"]))
            lists[f"active_{kind}s"] = [each for each in parts if "completed" not in each]
            lists[f"completed_{kind}s"] = [each for each in parts if "completed" in each]
        return {**service["shown"], **lists}

    def history(self, name: str, value: str, active: bool | None) -> list[int]:
        """The services of a customer, or the anonymous ones of a contact key, in the order of a list."""
        found = []
        for number, service in self.services.items():
            shown = service["shown"]
            hidden = name == "contact_key" and "customer_id" in shown
            if shown.get(name) == value and not hidden and active in (None, "completed" not in shown):
                found.append((shown["started"]["timestamp"], number))
        return [number for _, number in sorted(found)]
