"""Start, associate, complete and query services."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest

from tests.conftest import NOTHING, Door, Mock, Reply

EARLY, NOON, LATE = (f"2026-01-01T{hour}:00:00.000Z" for hour in ("08", "12", "20"))


def advice(door: Door) -> list[str]:
    found: list[str] = door.mock.last_call()["advice"]
    return found


def ids(reply: Reply) -> list[int]:
    assert reply.status == 200, reply.body
    return [service["service_id"] for service in reply.json]


def history(door: Door, customer: str) -> tuple[list[int], list[int], list[int]]:
    """A customer's services: all, active, completed."""
    path = f"/customers/{quote(customer, safe='')}/services"
    return ids(door.get(path)), ids(door.get(path + "/active")), ids(door.get(path + "/completed"))


def anonymous(door: Door, key: str) -> tuple[list[int], list[int], list[int]]:
    """A contact key's anonymous services: all, active, completed."""
    path = f"/services/anonymous/{quote(key, safe='')}"
    return ids(door.get(path)), ids(door.get(path + "/active")), ids(door.get(path + "/completed"))


def service(door: Door, number: int | str, query: str = "") -> dict[str, Any]:
    reply = door.get(f"/services/{number}{query}")
    assert reply.status == 200, reply.body
    return dict(reply.json)


def test_a_start_answers_201_with_the_id_and_its_location(anywhere: Mock, api: str) -> None:
    door = Door(anywhere, api)
    reply = door.post("/services/start", {"service_type": 100, "contact_key": "42"})
    assert (reply.status, reply.json) == (201, {"service_id": 1})
    assert reply.headers["location"] == f"{door.prefix}/services/1"
    assert reply.headers["content-type"] == "application/json"
    call = anywhere.get(f"/__admin/calls/{reply.headers['mockcs-call']}").json
    assert call["changes"] == [{"kind": "service", "id": 1, "change": "created"}]


def test_ids_count_up_through_both_doors(ucs: Door, gms: Door) -> None:
    assert [ucs.start_service(), gms.start_service(), ucs.start_service(customer_id="C1")] == [1, 2, 3]


def test_the_server_fills_in_the_time_of_a_start_that_gives_none(door: Door) -> None:
    def now() -> str:
        return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    before = now()
    number = door.start_service()
    assert before <= service(door, number)["started"]["timestamp"] <= now()


def test_a_given_time_of_a_start_is_kept(door: Door) -> None:
    assert service(door, door.start_service(timestamp=EARLY))["started"] == {"timestamp": EARLY}


@pytest.mark.parametrize("body", [NOTHING, {}, {"est_duration": 5}], ids=["no body", "empty object", "a field"])
def test_associating_answers_200_with_an_empty_body(anywhere: Mock, api: str, body: Any) -> None:
    door = Door(anywhere, api)
    number = door.start_service()
    reply = door.post(f"/customers/C1/services/{number}", body)
    assert (reply.status, reply.body, reply.headers["content-length"]) == (200, b"", "0")
    assert "location" not in reply.headers
    assert history(door, "C1") == ([number], [number], [])


def test_associating_takes_a_service_out_of_every_earlier_history(door: Door) -> None:
    opened, ended = door.start_service(contact_key="K"), door.start_service(contact_key="K")
    door.complete_service(ended)
    assert anonymous(door, "K") == ([opened, ended], [opened], [ended])
    for customer in ("C1", "C2"):
        for number in (opened, ended):
            assert door.post(f"/customers/{customer}/services/{number}").status == 200
    assert anonymous(door, "K") == ([], [], [])
    assert history(door, "C1") == ([], [], [])
    assert history(door, "C2") == ([opened, ended], [opened], [ended])
    assert service(door, opened)["contact_key"] == "K"


def test_the_body_of_an_association_updates_the_service_but_not_its_start(door: Door) -> None:
    number = door.start_service(timestamp=EARLY, est_duration=60, interaction_id="first", media_type="voice")
    body = {"timestamp": LATE, "interaction_id": "second", "resource_id": 5005, "service_type": "other"}
    assert door.post(f"/customers/C1/services/{number}", body).status == 200
    assert service(door, number) == {
        "service_id": number,
        "service_type": "other",
        "customer_id": "C1",
        "contact_key": "42",
        "est_duration": 60,
        "started": {"timestamp": EARLY, "interaction_id": "second", "media_type": "voice", "resource_id": 5005},
    }


def test_attached_data_given_when_associating_replaces_that_of_its_name(gms: Door) -> None:
    number = gms.start_service(Feedback={"rating": 7, "notes": "fine"}, Satisfaction=[1, 2], coupon="A")
    gms.post(f"/customers/C1/services/{number}", {"Feedback": {"rating": 1}, "Satisfaction": [3]})
    found = service(gms, number, "?extensions=*")
    assert {name: found[name] for name in ("Feedback", "Satisfaction", "coupon")} == {
        "Feedback": {"rating": 1},
        "Satisfaction": [3],
        "coupon": "A",
    }


def test_a_completed_service_may_be_associated_with_advice(door: Door) -> None:
    number = door.start_service()
    door.complete_service(number)
    assert door.post(f"/customers/C1/services/{number}").status == 200
    assert len(advice(door)) == 1
    assert history(door, "C1") == ([number], [], [number])


def test_completing_answers_204_without_a_length(anywhere: Mock, api: str) -> None:
    door = Door(anywhere, api)
    reply = door.post(f"/services/{door.start_service()}/end", {})
    assert (reply.status, reply.body) == (204, b"")
    assert "content-length" not in reply.headers


def test_a_completed_service_moves_from_the_active_to_the_completed_history(door: Door) -> None:
    mine, nobodys = door.start_service(customer_id="C1"), door.start_service(contact_key="K")
    for number in (mine, nobodys):
        assert door.post(f"/services/{number}/end").status == 204
    assert history(door, "C1") == ([mine], [], [mine])
    assert anonymous(door, "K") == ([nobodys], [], [nobodys])


def test_an_end_event_shows_in_completed_and_its_disposition_at_the_top(door: Door) -> None:
    number = door.start_service(timestamp=EARLY, interaction_id="123")
    end = {"timestamp": NOON, "interaction_id": "124", "resource_id": 7, "disposition": 10, "disposition_desc": "sold"}
    door.complete_service(number, **end)
    found = service(door, number)
    assert found["started"] == {"timestamp": EARLY, "interaction_id": "123"}
    assert found["completed"] == {"timestamp": NOON, "interaction_id": "124", "resource_id": 7}
    assert (found["disposition"], found["disposition_desc"]) == (10, "sold")


def test_the_service_id_of_an_end_event_does_not_rename_the_service(door: Door) -> None:
    number = door.start_service()
    door.complete_service(number, service_id=999)
    assert service(door, number)["service_id"] == number


def test_a_service_completed_again_is_accepted_with_advice_and_listed_once(door: Door) -> None:
    number = door.start_service(customer_id="C1")
    door.complete_service(number)
    assert advice(door) == []
    assert door.post(f"/services/{number}/end", {}).status == 204
    assert len(advice(door)) == 1
    assert history(door, "C1") == ([number], [], [number])


@pytest.mark.parametrize(("given", "closed"), [(True, True), ("true", True), (False, False), ("false", False)])
def test_auto_closed_makes_a_service_that_completed_when_it_started(gms: Door, given: Any, closed: bool) -> None:
    number = gms.start_service(customer_id="C1", timestamp=EARLY, auto_closed=given)
    found = service(gms, number, "?extensions=*")
    assert found.get("completed") == ({"timestamp": EARLY} if closed else None)
    assert "auto_closed" not in found
    assert history(gms, "C1") == (([number], [], [number]) if closed else ([number], [number], []))


def test_auto_closed_is_nothing_to_the_older_generation(ucs: Door) -> None:
    assert "completed" not in service(ucs, ucs.start_service(auto_closed=True))


def test_both_generations_are_doors_to_the_same_state(ucs: Door, gms: Door) -> None:
    old, new = ucs.start_service(customer_id="C1"), gms.start_service(customer_id="C1")
    gms.complete_service(old)
    assert history(ucs, "C1") == history(gms, "C1") == ([old, new], [new], [old])
    assert service(ucs, new) == service(gms, new)


def test_an_absolute_location_names_the_host_that_the_client_asked(door: Door) -> None:
    door.mock.read_as(location_form="absolute")
    reply = door.request(
        "POST", "/services/start", {"service_type": 1, "contact_key": "42"}, Host="cs.example.com:8080"
    )
    assert reply.headers["location"].startswith(f"http://cs.example.com:8080{door.prefix}/services/")
