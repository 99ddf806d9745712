"""The pytest plugin where a test has more than one space, a mock of its own, or many calls."""

from __future__ import annotations

import pytest

from tests.conftest import Mock
from tests.test_plugin import BROKEN, RULE, run, section, told
from tests.test_plugin import tester as tester  # noqa: PLC0414 - a fixture

pytest_plugins = ["pytester"]

OF_A_SPACE = """
from mockcs import Client
@pytest.fixture(scope="session")
def mockcs_server():
    return Client("{}", space="team-a")
"""
TWICE = """
@pytest.mark.parametrize("number", range(2))
def test_it(mockcs, number):
    assert mockcs.space == "team-a"
    assert start(mockcs.url)[1] == {"service_id": 1}
    mockcs.assert_called("start_service", times=1)
"""
ELSEWHERE = """
@pytest.mark.parametrize("number", range(2))
def test_it(mockcs, number):
    other = mockcs.of("elsewhere")
    assert start(other.url)[1] == {"service_id": 1}
    other.assert_called("start_service", times=1)
    assert mockcs.calls == []
"""


def test_a_client_of_a_space_is_reset_and_used_and_its_space_kept(tester: pytest.Pytester, served: Mock) -> None:
    run(tester, OF_A_SPACE.replace("{}", served.base_url) + TWICE).assert_outcomes(passed=2)
    assert "team-a" in served.get("/__admin/spaces").json["spaces"]


@pytest.mark.parametrize("given", ["'http://127.0.0.1:1'", "__import__('mockcs').Server()"])
def test_a_fixture_that_gives_no_client_is_told_so(tester: pytest.Pytester, given: str) -> None:
    own = f"@pytest.fixture(scope='session')\ndef mockcs_server():\n    return {given}\n"
    result = run(tester, f"{own}def test_it(mockcs):\n    pass")
    result.assert_outcomes(errors=1)
    assert "the fixture mockcs_server must give a mockcs.Client" in told(result)


@pytest.mark.parametrize("shared", [False, True])
def test_further_spaces_of_a_test_are_its_own_and_gone_at_its_end(
    tester: pytest.Pytester, served: Mock, *, shared: bool
) -> None:
    url = ["--mockcs-url", served.base_url] if shared else []
    assert served.post("/__space/elsewhere/genesys/1/cs/services/start", {"contact_key": "1"}).status == 201
    run(tester, ELSEWHERE, *url).assert_outcomes(passed=2)
    assert served.get("/__admin/spaces").json["spaces"] == ["default", "elsewhere"]
    assert len(served.get("/__space/elsewhere/__admin/calls").json["calls"]) == 1


def test_a_broken_rule_in_a_further_space_fails_the_test(tester: pytest.Pytester) -> None:
    result = run(tester, f"def test_it(mockcs):\n    mockcs = mockcs.of('x')\n    {BROKEN}")
    result.assert_outcomes(passed=1, errors=1)
    assert RULE in told(result)


FORGOTTEN = [
    "mockcs.forget_space()",
    "mockcs.of('x').forget_space()",
    "mockcs.of('x').reset()",
]


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("forgotten", FORGOTTEN)
def test_a_broken_rule_stays_known_when_its_space_is_forgotten(
    tester: pytest.Pytester, served: Mock, forgotten: str, *, shared: bool
) -> None:
    url = ["--mockcs-url", served.base_url] if shared else []
    space = BROKEN.replace("mockcs", forgotten.rpartition(".")[0])
    result = run(tester, f"def test_it(mockcs):\n    {space}\n    {forgotten}", *url)
    result.assert_outcomes(passed=1, errors=1)
    assert RULE in told(result)
    assert served.get("/__admin/spaces").json["spaces"] == ["default"]


def test_a_broken_rule_in_a_space_that_is_forgotten_is_told_once(tester: pytest.Pytester) -> None:
    result = run(tester, f"def test_it(mockcs):\n    {BROKEN}\n    mockcs.forget_space()\n    mockcs.forget_space()")
    assert "the application broke 1 documented rule:" in told(result)


def test_a_space_that_is_not_there_cannot_be_forgotten_nor_have_no_name(tester: pytest.Pytester) -> None:
    twice = "other = mockcs.of('x')\n    other.reset()\n    other.forget_space()"
    wrong = "with pytest.raises(MockcsError):\n        "
    test = f"    {twice}\n    {wrong}other.forget_space()\n    {wrong}mockcs.of('')"
    run(tester, f"from mockcs import MockcsError\ndef test_it(mockcs):\n{test}").assert_outcomes(passed=1)


def test_the_name_of_a_space_in_a_report_is_the_one_that_the_test_gave(tester: pytest.Pytester, served: Mock) -> None:
    name = "the-second-tenant-of-the-application-" + "x" * 20
    calls = f"{BROKEN.replace('mockcs', 'other')}\n    assert 0"
    suite = f"def test_it(mockcs):\n    other = mockcs.of('{name}')\n    {calls}"
    found = section(run(tester, suite, "--mockcs-url", served.base_url))
    assert "".join(found[:2]).replace(" ", "") == f"inthespace{name}:"
    assert max(map(len, found)) <= 80


def test_a_client_of_a_space_is_one_for_the_whole_test(tester: pytest.Pytester) -> None:
    same = "assert mockcs.of('x') is mockcs.of('x')\n    assert mockcs.of(None) is mockcs.of('default') is mockcs"
    run(tester, f"def test_it(mockcs):\n    {same}").assert_outcomes(passed=1)


def test_calls_of_all_spaces_are_in_the_report_of_a_failed_test(tester: pytest.Pytester) -> None:
    calls = f"{BROKEN.replace('mockcs', 'other')}\n    mockcs.of('unused')\n    assert 0"
    found = section(run(tester, f"def test_it(mockcs):\n    other = mockcs.of('x')\n    {calls}"))
    assert found[0] == "in the space x:"
    assert found[1].startswith("  1  start_service  400  POST /genesys/")
    assert not {"no call came", "in the space unused:"} & set(found)


LATE = """
urls = []

def test_one(mockcs):
    urls.append(mockcs.url)
    urls.append(mockcs.of("further").url)

def test_two(mockcs):
    for url in urls:
        assert start(url)[0] == 201
"""


def test_spaces_that_late_calls_make_anew_are_gone_at_the_end_of_the_session(
    tester: pytest.Pytester, served: Mock
) -> None:
    assert served.post("/__space/pytest-somebody/genesys/1/cs/services/start", {"contact_key": "1"}).status == 201
    run(tester, LATE, "--mockcs-url", served.base_url).assert_outcomes(passed=2)
    assert served.get("/__admin/spaces").json["spaces"] == ["default", "pytest-somebody"]


WAITS = """
from mockcs import Client
waits, refused = [], Client.refused

def waiting(client, *, within=0):
    waits.append(within)
    return refused(client, within=within)

def test_it(monkeypatch, mockcs):
    monkeypatch.setattr(Client, "refused", waiting)
    mockcs.of("x"), mockcs.of("y")

def test_its_end():
    assert len(waits) == 3
    assert waits == sorted(waits, reverse=True)
    assert waits[0] > waits[-1]
"""


def test_the_spaces_of_a_test_share_the_time_that_calls_under_way_are_waited_for(tester: pytest.Pytester) -> None:
    run(tester, WAITS).assert_outcomes(passed=2)


def test_a_broken_rule_after_a_part_that_was_skipped_fails_the_test(tester: pytest.Pytester) -> None:
    skipped = "    with subtests.test('chat'):\n        pytest.skip()\n"
    result = run(tester, f"def test_it(mockcs, subtests):\n{skipped}    {BROKEN}")
    assert RULE in told(result)
    assert result.parseoutcomes()["errors"] == 1


def test_a_test_with_a_part_that_failed_tells_the_rules_that_are_broken_after_it(tester: pytest.Pytester) -> None:
    failed = "    with subtests.test('chat'):\n        assert 0\n"
    result = run(tester, f"def test_it(mockcs, subtests):\n{failed}    {BROKEN}")
    assert "chat" in told(result)
    assert RULE in told(result)
    assert result.parseoutcomes()["errors"] == 1


def test_a_rule_that_is_broken_after_a_part_in_a_space_that_is_new_is_told(tester: pytest.Pytester) -> None:
    failed = "    with subtests.test('chat'):\n        assert 0\n"
    broken = BROKEN.replace("mockcs.url", "mockcs.of('late').url")
    result = run(tester, f"def test_it(mockcs, subtests):\n{failed}    {broken}")
    assert RULE in told(result)
    assert result.parseoutcomes()["errors"] == 1


def test_a_call_that_is_answered_after_the_report_is_told_though_its_number_is_lower(tester: pytest.Pytester) -> None:
    late = """
import threading
@pytest.fixture
def thread(mockcs):
    mockcs.delay("start_service", seconds=0.5)
    thread = threading.Thread(target=start, args=(mockcs.url,), kwargs={"service_type": "x"})
    yield thread
    thread.join()

def test_it(mockcs, thread):
    thread.start()
    while mockcs.ask("GET", "/calls?limit=0")["in_flight"] == 0:
        pass
    start(mockcs.url, contact_key=5)
    assert 0
"""
    result = run(tester, late)
    assert result.parseoutcomes()["errors"] == 1
    assert told(result).count(RULE) == 1
    assert told(result).count("violation: /contact_key") == 1


def test_a_rule_that_the_report_of_a_part_has_told_is_not_told_again(tester: pytest.Pytester) -> None:
    failed = f"    with subtests.test('chat'):\n        {BROKEN}\n        assert 0\n"
    result = run(tester, f"def test_it(mockcs, subtests):\n{failed}")
    assert told(result).count(RULE) == 1
    assert "errors" not in result.parseoutcomes()


def test_a_test_that_runs_again_is_judged_anew(tester: pytest.Pytester) -> None:
    again = """
import os
from _pytest.runner import runtestprotocol

def pytest_runtest_protocol(item, nextitem):
    for _ in range(2):
        item._initrequest()
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    return True
"""
    tester.makeconftest(again)
    suite = f"RUNS = []\ndef test_it(mockcs):\n    RUNS.append(1)\n    assert len(RUNS) > 1\n    {BROKEN}"
    result = run(tester, suite)
    result.assert_outcomes(passed=1, errors=1)
    assert RULE in told(result)


def test_calls_that_are_alike_share_a_line_and_hide_none_that_went_wrong(tester: pytest.Pytester) -> None:
    polls = "    for _ in range(31): send('GET', mockcs.url + '/services/1')\n"
    suite = f"def test_it(mockcs):\n    start(mockcs.url)\n    {BROKEN}\n{polls}    assert 0"
    lines = section(run(tester, suite))
    assert f"  {RULE}" in "\n".join(lines).replace("\n        ", " ")
    assert lines[-2:] == ["  3 to 33  query_service_by_id  200  GET", "      /genesys/1/cs/services/1"]


def test_of_many_calls_the_last_are_told_and_earlier_ones_that_went_wrong(tester: pytest.Pytester) -> None:
    more = "    for number in range(40): send('GET', f'{mockcs.url}/services/{number % 2 + 1}')\n"
    starts = "    for _ in range(40): start(mockcs.url)\n"
    lines = section(run(tester, f"def test_it(mockcs):\n    {BROKEN}\n{starts}{more}    assert 0"))
    text = " ".join(" ".join(lines).split())
    assert text.startswith("... 50 earlier calls")
    assert RULE in text


def test_a_flood_of_broken_rules_is_told_in_part(tester: pytest.Pytester) -> None:
    result = run(tester, f"def test_it(mockcs):\n    for _ in range(50):\n        {BROKEN}")
    assert "the application broke 50 documented rules:" in told(result)
    assert "... 20 more calls that broke one" in told(result)


def test_a_refusal_without_a_violation_is_told_with_its_answer(tester: pytest.Pytester) -> None:
    ends = "    send('POST', mockcs.url + '/services/999/end', {})\n"
    lines = section(run(tester, f"def test_it(mockcs):\n{ends}    assert 0"))
    assert "answer: " in " ".join(lines)
    assert "There are no service found for : 999" in " ".join(" ".join(lines).split())


def test_a_wanted_secret_is_not_in_the_message_of_a_failed_expectation(tester: pytest.Pytester) -> None:
    wanted = "headers={'authorization': 'Basic CANARY', 'X-Trace': 'seen'}"
    for test in (f"mockcs.assert_called({wanted})", f"mockcs.assert_order(dict({wanted}))"):
        result = run(tester, f"def test_it(mockcs):\n    start(mockcs.url)\n    {test}")
        message = [line for line in result.outlines if line.startswith("E ")]
        assert "seen" in " ".join(message)
        assert "CANARY" not in " ".join(message)


@pytest.mark.parametrize("shared", [False, True])
def test_spaces_of_spaces_are_the_test_s_own_too(tester: pytest.Pytester, served: Mock, *, shared: bool) -> None:
    url = ["--mockcs-url", served.base_url] if shared else []
    long = f"    assert mockcs.of('{'x' * 100}').calls == []\n"
    inner = f"    inner = mockcs.of('a').of('b')\n    mockcs.of('b')\n{long}"
    result = run(tester, f"def test_it(mockcs):\n{inner}    {BROKEN.replace('mockcs', 'inner')}", *url)
    result.assert_outcomes(passed=1, errors=1)
    assert "the application broke 1 documented rule:" in told(result)
    assert served.get("/__admin/spaces").json["spaces"] == ["default"]
