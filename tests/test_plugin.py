"""The pytest plugin, seen from outside: suites as a tester writes them, and what he reads when they fail."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from mockcs.server import Server
from tests.conftest import ROOT, Mock, serving

pytest_plugins = ["pytester"]

APPLICATION = '''
import json
import urllib.error
import urllib.request

def send(method, url, body=None):
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, json.loads(refusal.read() or b"null")

def start(url, **event):
    """Start a service, of the contact key 42 unless the event says otherwise."""
    return send("POST", url + "/services/start", event or {"contact_key": "42"})
'''
BROKEN = 'start(mockcs.url, service_type="x")  # neither a customer nor a contact key'
ROW = "manual: service_start_event, customer_id: string, mandatory yes if no contact_key (Start Service, 8.5.1)"
RULE = "violation: body: neither customer_id nor contact_key is given"
SECTION = "mockcs: calls of this test"
# The plugins of others are left out: they take longer to load than a suite to run.
ALONE = ("-p", "no:cacheprovider", "-p", "no:flask", "-p", "no:hypothesispytest")

# Forty tests that count and number exactly what they did themselves, and say which mock and worker they had.
FORTY = """
import os
import pytest
from application import send, start

@pytest.mark.parametrize("number", range(40))
def test_nothing_bleeds(mockcs, number):
    with open("seen.txt", "a") as seen:
        seen.write(f"{mockcs.base_url} {os.environ['PYTEST_XDIST_WORKER']}\\n")
    if number % 4 == 0:
        mockcs.readings["complete-status"] = "200"
    count = number % 5 + 1
    ids = [start(mockcs.url, contact_key=f"K{number}")[1]["service_id"] for _ in range(count)]
    assert ids == list(range(1, count + 1))
    status, _ = send("POST", mockcs.url_81 + "/services/1/end", {})
    assert status == (200 if number % 4 == 0 else 204)
    assert [call.id for call in mockcs.calls] == list(range(1, count + 2))
    mockcs.assert_called("start_service", body={"contact_key": f"K{number}"}, times=count)
    mockcs.assert_called("start_service", times=count)
    assert [service.service_id for service in mockcs.services(active=True)] == ids[1:]
"""


@pytest.fixture(autouse=True)
def tester(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A tester's folder with the application in it, before a terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("CI", "BUILD_NUMBER"):  # pytest cuts no line of its summary where it takes itself to be in CI
        monkeypatch.delenv(name, raising=False)
    pytester.makepyfile(application=APPLICATION)
    return pytester


def run(tester: pytest.Pytester, suite: str, *arguments: str) -> pytest.RunResult:
    """Run a suite in this process; pytest and the application's functions are imported for it."""
    tester.makepyfile(test_it="import pytest\nfrom application import send, start\n" + suite)
    return tester.runpytest_inprocess(*ALONE, "-p", "no:xdist", "-p", "no:xdist.looponfail", *arguments)


def told(result: pytest.RunResult) -> str:
    """The report with every run of white space, line ends too, as one blank."""
    return " ".join(result.stdout.str().split())


def section(result: pytest.RunResult) -> list[str]:
    """The lines of the only section of calls in the report."""
    lines = result.outlines
    starts = [number for number, line in enumerate(lines) if SECTION in line]
    assert len(starts) == 1, result.stdout.str()
    rest = lines[starts[0] + 1 :]
    ends = [number for number, line in enumerate(rest) if re.match(r"[=_-]{3,}", line)]
    return rest[: ends[0]] if ends else rest


# Violations


def test_a_broken_documented_rule_fails_the_test_at_its_end(tester: pytest.Pytester) -> None:
    result = run(tester, f"def test_start(mockcs):\n    {BROKEN}")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*ERROR at teardown of test_start*"])
    report = told(result)
    assert "the application broke 1 documented rule: 1 start_service 400 POST /genesys/1/cs/services/start" in report
    assert RULE in report
    assert ROW in report
    assert "fix: add customer_id or contact_key" in report
    assert "@pytest.mark.mockcs(allow_violations=True)" in report
    assert "pytest_plugin.py" not in report


def test_each_broken_rule_of_each_call_is_told(tester: pytest.Pytester) -> None:
    second = "start(mockcs.url_81, est_duration='x', contact_key='1', service_type=1)"
    suite = f"def test_start(mockcs):\n    {BROKEN}\n    {second}"
    report = told(run(tester, suite))
    assert "the application broke 2 documented rules:" in report
    assert "1 start_service 400 POST /genesys/1/cs/services/start" in report
    assert "2 start_service 400 POST /services/start" in report
    assert "manual: service_start_event, est_duration: integer, mandatory no" in report


def test_the_marker_allows_violations(tester: pytest.Pytester) -> None:
    suite = f"@pytest.mark.mockcs(allow_violations=True)\ndef test_start(mockcs):\n    assert {BROKEN}"
    run(tester, suite, "--strict-markers").assert_outcomes(passed=1)


def test_the_marker_of_a_module_allows_violations_in_each_of_its_tests(tester: pytest.Pytester) -> None:
    mark = "pytestmark = pytest.mark.mockcs(allow_violations=True)"
    suite = f"{mark}\ndef test_one(mockcs):\n    {BROKEN}\ndef test_two(mockcs):\n    {BROKEN}"
    run(tester, suite).assert_outcomes(passed=2)


def test_the_nearest_marker_decides(tester: pytest.Pytester) -> None:
    mark = "pytestmark = pytest.mark.mockcs(allow_violations=True)"
    suite = f"{mark}\n@pytest.mark.mockcs(allow_violations=False)\ndef test_one(mockcs):\n    {BROKEN}"
    run(tester, suite).assert_outcomes(passed=1, errors=1)


def test_a_marker_that_does_not_say_true_or_false_is_told(tester: pytest.Pytester) -> None:
    suite = "@pytest.mark.mockcs(allow_violations='no')\ndef test_start(mockcs):\n    pass"
    result = run(tester, suite)
    result.assert_outcomes(passed=1, errors=1)
    assert "takes allow_violations=True or False, not" in told(result)


SMALL = """
from mockcs import Server, Settings
@pytest.fixture(scope="session")
def mockcs_server():
    with Server(Settings(max_calls=2)) as client:
        yield client
"""


def test_a_broken_rule_whose_call_was_evicted_fails_the_test_all_the_same(tester: pytest.Pytester) -> None:
    goods = "    for _ in range(4): start(mockcs.url)\n"
    result = run(tester, f"{SMALL}def test_one(mockcs):\n    {BROKEN}\n{goods}def test_two(mockcs):\n{goods}")
    result.assert_outcomes(passed=2, errors=1)
    assert "calls that broke a documented rule and are no longer kept: 1" in told(result)


def test_a_broken_rule_that_was_evicted_before_a_reset_fails_the_test_too(tester: pytest.Pytester) -> None:
    goods = "    for _ in range(4): start(mockcs.url)\n"
    result = run(tester, f"{SMALL}def test_one(mockcs):\n    {BROKEN}\n{goods}    mockcs.reset()")
    result.assert_outcomes(passed=1, errors=1)


def test_a_failed_test_says_how_many_of_its_calls_are_no_longer_kept(tester: pytest.Pytester) -> None:
    result = run(tester, f"{SMALL}def test_one(mockcs):\n    for _ in range(4): start(mockcs.url)\n    assert 0")
    assert "... calls that are no longer kept: 2" in result.outlines


def test_a_call_that_is_under_way_at_the_end_of_its_test_is_waited_for(tester: pytest.Pytester) -> None:
    suite = f"""
import threading
def test_one(mockcs):
    mockcs.delay("start_service", seconds=0.05)
    threading.Thread(target=lambda: {BROKEN.partition("  #")[0]}, daemon=True).start()
    while mockcs.ask("GET", "/calls")["total"] == 0:
        pass
"""
    run(tester, suite).assert_outcomes(passed=1, errors=1)


def test_where_nobody_may_wait_what_is_known_at_the_end_decides(tester: pytest.Pytester) -> None:
    goods = "    for _ in range(4): start(mockcs.url)\n"
    suite = f"{SMALL}def test_one(mockcs):\n{goods}def test_two(mockcs):\n{goods}    {BROKEN}"
    run(tester, suite.replace("max_calls=2", "max_calls=2, max_waiting=0")).assert_outcomes(passed=2, errors=1)


def test_what_was_refused_before_a_reset_is_in_the_report_of_a_failed_test(tester: pytest.Pytester) -> None:
    suite = f"def test_it(mockcs):\n    {BROKEN}\n    mockcs.reset()\n    start(mockcs.url)\n    assert 0"
    found = section(run(tester, suite))
    assert [line for line in found if "reset:" in line] == ["refused before a reset:", "since the reset:"]
    assert RULE in " ".join(" ".join(found).split())


def test_a_violation_is_no_matter_of_the_next_test(tester: pytest.Pytester) -> None:
    result = run(tester, f"def test_one(mockcs):\n    {BROKEN}\ndef test_two(mockcs):\n    start(mockcs.url)")
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.no_fnmatch_line("*ERROR at teardown of test_two*")


def test_advice_fails_no_test(tester: pytest.Pytester) -> None:
    ends = "    send('POST', mockcs.url + '/services/1/end', {})\n" * 2
    suite = f"def test_end(mockcs):\n    start(mockcs.url)\n{ends}    mockcs.assert_called(advice=True)"
    run(tester, suite).assert_outcomes(passed=1)


# A test that failed by itself


def test_a_failed_test_keeps_its_own_error_and_gets_its_calls(tester: pytest.Pytester) -> None:
    suite = f"def test_it(mockcs):\n    start(mockcs.url)\n    {BROKEN}\n    assert 'mine' == 'yours'"
    result = run(tester, suite)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *assert 'mine' == 'yours'*", "FAILED test_it.py::test_it - *'mine' == 'yours'*"])
    lines = " ".join(" ".join(section(result)).split())
    assert "1 start_service 201 POST /genesys/1/cs/services/start service 1 created" in lines
    assert "2 start_service 400 POST /genesys/1/cs/services/start" in lines
    assert RULE in lines
    assert ROW in lines


def test_the_calls_of_a_failed_test_come_with_their_advice(tester: pytest.Pytester) -> None:
    ends = "    send('POST', mockcs.url + '/services/1/end', {})\n" * 2
    result = run(tester, f"def test_end(mockcs):\n    start(mockcs.url)\n{ends}    assert 0")
    lines = " ".join(" ".join(section(result)).split())
    assert lines.count("service 1 completed") == 2
    assert lines.count("advice: ") == 1


def test_a_failed_test_without_calls_says_so(tester: pytest.Pytester) -> None:
    assert "no call came" in section(run(tester, "def test_it(mockcs):\n    assert 0"))


def test_a_fault_that_no_call_met_is_in_the_report_of_a_failed_test(tester: pytest.Pytester) -> None:
    faults = "mockcs.fail('complete_service', status=503)\n    mockcs.fail('start_service', status=500)\n"
    test = f"def test_it(mockcs):\n    {faults}    send('POST', mockcs.url + '/services/start', {{}})\n    assert 0"
    lines = " ".join(" ".join(section(run(tester, test))).split())
    assert 'no call met the fault 1: {"operation": "complete_service"' in lines
    assert "no call met the fault 2" not in lines


def test_many_faults_and_long_ones_do_not_bury_the_failure(tester: pytest.Pytester) -> None:
    faults = "    mockcs.fail('start_task', body='x' * 50_000)\n    for _ in range(100): mockcs.fail('start_state')\n"
    lines = section(run(tester, f"def test_it(mockcs):\n{faults}    assert 0"))
    assert "... 71 more faults that no call met" in lines
    assert len(lines) < 100


def test_snapshots_that_are_gone_already_leave_none_behind(tester: pytest.Pytester) -> None:
    gone = "    for n in range(8): mockcs.snapshot(f's{n}')\n    mockcs.ask('DELETE', '/snapshots/s3')\n"
    left = "def test_two(mockcs):\n    assert mockcs.ask('GET', '/snapshots') == {'snapshots': []}"
    run(tester, f"def test_one(mockcs):\n{gone}{left}").assert_outcomes(passed=2)


def test_a_snapshot_of_a_test_is_gone_with_it(tester: pytest.Pytester) -> None:
    taken = "@pytest.mark.parametrize('n', range(105))\ndef test_one(mockcs, n):\n    mockcs.snapshot(f's{n}')\n"
    left = "def test_two(mockcs):\n    assert mockcs.ask('GET', '/snapshots') == {'snapshots': []}"
    run(tester, taken + left).assert_outcomes(passed=106)


def test_the_calls_of_earlier_tests_are_not_in_the_report(tester: pytest.Pytester) -> None:
    result = run(tester, "def test_one(mockcs):\n    start(mockcs.url)\ndef test_two(mockcs):\n    assert 0")
    result.assert_outcomes(passed=1, failed=1)
    assert "no call came" in section(result)


def test_a_failed_setup_keeps_its_own_error_and_gets_the_calls(tester: pytest.Pytester) -> None:
    fixture = f"@pytest.fixture\ndef begun(mockcs):\n    {BROKEN}\n    raise ValueError('my setup')"
    result = run(tester, f"{fixture}\ndef test_it(begun):\n    pass")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["E *ValueError: my setup"])
    assert "1  start_service  400" in "\n".join(section(result))


def test_a_failed_test_that_has_the_mock_by_another_fixture_gets_its_calls(tester: pytest.Pytester) -> None:
    fixture = "@pytest.fixture\ndef begun(request):\n    return request.getfixturevalue('mockcs')"
    result = run(tester, f"{fixture}\ndef test_it(begun):\n    {BROKEN.replace('mockcs', 'begun')}\n    assert 0")
    result.assert_outcomes(failed=1)
    assert "1  start_service  400" in "\n".join(section(result))


@pytest.mark.parametrize(
    ("mark", "outcome"), [("@pytest.mark.xfail", {"xfailed": 1}), ("", {"skipped": 1})], ids=["xfail", "skip"]
)
def test_a_test_that_did_not_run_to_its_end_gets_no_error_of_the_mock(
    tester: pytest.Pytester, mark: str, outcome: dict[str, int]
) -> None:
    end = "raise ValueError" if mark else "pytest.skip('later')"
    run(tester, f"{mark}\ndef test_it(mockcs):\n    {BROKEN}\n    {end}").assert_outcomes(**outcome)


@pytest.mark.parametrize("option", ["--show-capture=no", "--show-capture=stderr", "--tb=short", "--tb=native"])
def test_the_calls_stand_with_the_error_whatever_else_is_shown(tester: pytest.Pytester, option: str) -> None:
    result = run(tester, "def test_it(mockcs):\n    start(mockcs.url, contact_key='1')\n    assert 0", option)
    assert section(result)[0].split() == ["1", "start_service", "201", "POST", "/genesys/1/cs/services/start"]


def test_the_calls_stand_in_the_xml_that_a_pipeline_reads(tester: pytest.Pytester) -> None:
    suite = "def test_it(mockcs):\n    start(mockcs.url, est_duraton=1, contact_key='1')\n    assert 0"
    run(tester, suite, "--junitxml=it.xml")
    failure = ET.parse(tester.path / "it.xml").find(".//failure")
    assert failure is not None
    assert "did you mean est_duration?" in " ".join((failure.text or "").split())


def test_a_failed_test_that_does_not_use_the_mock_gets_no_section(tester: pytest.Pytester) -> None:
    result = run(tester, "def test_it():\n    assert 0")
    result.assert_outcomes(failed=1)
    result.stdout.no_fnmatch_line(f"*{SECTION}*")


def test_a_failed_assertion_shows_the_nearest_calls_and_no_inner_code(tester: pytest.Pytester) -> None:
    wanted = "mockcs.assert_called('start_service', body={'contact_key': '43'})"
    result = run(tester, f"def test_it(mockcs):\n    start(mockcs.url)\n    {wanted}")
    result.assert_outcomes(failed=1)
    error = " ".join(line.removeprefix("E").strip() for line in result.outlines if line.startswith("E "))
    assert error.startswith('AssertionError: start_service: wanted at least 1, found 0 body: {"contact_key": "43"}')
    assert "nearest calls: 1 start_service 201 POST /genesys/1/cs/services/start" in " ".join(error.split())
    assert 'body.contact_key: wanted "43", was "42"' in error
    assert "1  start_service  201" in "\n".join(section(result))
    result.stdout.no_fnmatch_line("*client.py*")


INNER = {
    "last": "mockcs.calls.last",
    "service": "mockcs.service(7)",
    "given_service": "mockcs.given_service(service_type=1)",
    "readings": "mockcs.readings['complete-status'] = 'x'",
    "ids": "mockcs.ids.service = -1",
    "assert_called": "mockcs.assert_called('start_servcie')",
    "assert_not_called": "mockcs.assert_not_called('start_servcie')",
    "assert_order": "mockcs.assert_order('start_service')",
    "wait_for": "mockcs.wait_for('start_service', timeout=0)",
}


@pytest.mark.parametrize("asked", INNER)
def test_a_failure_ends_at_the_tester_s_own_line(tester: pytest.Pytester, asked: str) -> None:
    result = run(tester, f"def test_it(mockcs):\n    {INNER[asked]}")
    result.assert_outcomes(failed=1)
    for inner in ("client.py", "values.py", "report.py"):
        result.stdout.no_fnmatch_line(f"*{inner}*")


# 80 columns

KEY = "408-832-7799-of-a-caller-in-the-san-francisco-bay-area"
LONG = f"""
KEY = "{KEY}"
ANONYMOUS = "/services/anonymous/" + KEY + "/completed"
FULL = {{"contact_key": KEY, "service_type": "sales", "est_duration": 60}}
WRONG = dict(FULL, est_duration="sixty", resource_id="5005", media_type="x")

def test_teardown(mockcs):
    start(mockcs.url, **WRONG)

def test_calls(mockcs):
    start(mockcs.url, **FULL)
    start(mockcs.url, **WRONG)
    for _ in range(2):
        send("POST", mockcs.url + "/services/1/end", {{}})
    send("GET", mockcs.url + ANONYMOUS)
    send("POST", mockcs.url + "/services/anonymous/start/of/it/all", {{}})
    assert 0

def test_called(mockcs):
    start(mockcs.url, **FULL)
    send("GET", mockcs.url + ANONYMOUS)
    wanted = dict(FULL, contact_key=KEY[::-1], coupon={{"name": KEY}})
    with pytest.raises(IndexError):
        mockcs.assert_called("start_service", body=wanted, times=1)

def test_order(mockcs):
    start(mockcs.url, **FULL)
    last = {{"operation": "query_anonymous_services", "body": FULL}}
    mockcs.assert_order("start_service", last)

def test_not_called(mockcs):
    send("GET", mockcs.url + ANONYMOUS)
    mockcs.assert_not_called("query_anonymous_services", query={{}})

def test_service(mockcs):
    for _ in range(40):
        start(mockcs.url, **FULL)
    mockcs.service(41)

def test_active(mockcs):
    mockcs.given_service(**FULL)
    assert not mockcs.service(1).active

def test_misuse(mockcs):
    mockcs.assert_called("start_service", bdoy=FULL)
"""


@pytest.mark.parametrize("test", re.findall(r"def (test_\w+)", LONG))
def test_a_report_fits_80_columns(tester: pytest.Pytester, test: str) -> None:
    result = run(tester, LONG, "-k", test)
    outcome = result.parseoutcomes()
    assert outcome.get("failed", outcome.get("error", outcome.get("errors"))) == 1
    assert [line for line in result.outlines if len(line) > 80] == []


# One test and the next, one worker and the other


def test_nothing_of_a_test_is_left_in_the_next_one(tester: pytest.Pytester) -> None:
    first = """
def test_one(mockcs):
    start(mockcs.url)
    mockcs.given_service(customer_id="C1")
    mockcs.ids.task = 99
    mockcs.readings["complete-status"] = "200"
"""
    second = """
def test_two(mockcs):
    assert (len(mockcs.calls), mockcs.services()) == (0, [])
    assert (mockcs.ids.service, mockcs.ids.task) == (1, 1)
    assert mockcs.readings["complete-status"] == "204"
"""
    run(tester, first + second).assert_outcomes(passed=2)


SERVER_OF_ONE_S_OWN = """
from mockcs import Client, Server, Settings
@pytest.fixture(scope="session")
def mockcs_server():
    with Server(Settings(admin_token="secret", reading={"complete-status": "200"})) as client:
        yield client
"""
SERVER_ELSEWHERE = """
from mockcs import Client
@pytest.fixture(scope="session")
def mockcs_server():
    return Client("{}")
"""


@pytest.mark.parametrize("own", [SERVER_OF_ONE_S_OWN, SERVER_ELSEWHERE])
def test_a_mock_of_one_s_own_is_fresh_for_each_test_too(tester: pytest.Pytester, served: Mock, own: str) -> None:
    suite = """
@pytest.mark.parametrize("number", range(2))
def test_it(mockcs, number):
    assert start(mockcs.url)[1] == {"service_id": 1}
    assert len(mockcs.calls) == 1
"""
    run(tester, own.replace("{}", served.base_url) + suite).assert_outcomes(passed=2)


def test_an_empty_url_is_none_and_no_server_is_made_in_its_place(tester: pytest.Pytester) -> None:
    result = run(tester, "def test_it(mockcs): ...", "--mockcs-url=")
    result.assert_outcomes(errors=1)
    assert "--mockcs-url: '' is no URL of a mock" in told(result)


def test_the_session_s_mock_is_one_server(tester: pytest.Pytester) -> None:
    suite = """
SEEN = set()
@pytest.mark.parametrize("number", range(3))
def test_it(mockcs, mockcs_server, number):
    SEEN.add(mockcs.base_url)
    SEEN.add(mockcs_server.base_url)
    assert len(SEEN) == 1
"""
    run(tester, suite).assert_outcomes(passed=3)


def seen(tester: pytest.Pytester) -> tuple[set[str], set[str]]:
    """The mocks and the workers that the forty tests had."""
    pairs = [line.split() for line in (tester.path / "seen.txt").read_text(encoding="utf-8").splitlines()]
    assert len(pairs) == 40
    return {mock for mock, _ in pairs}, {worker for _, worker in pairs}


@pytest.mark.slow
def test_two_workers_have_a_server_each(tester: pytest.Pytester) -> None:
    tester.makepyfile(test_forty=FORTY)
    tester.runpytest_subprocess(*ALONE, "-n", "2").assert_outcomes(passed=40)
    mocks, workers = seen(tester)
    assert len(mocks) == len(workers) == 2


@pytest.mark.slow
def test_two_workers_share_one_served_mock_and_leave_nothing_there(tester: pytest.Pytester, served: Mock) -> None:
    tester.makepyfile(test_forty=FORTY)
    tester.runpytest_subprocess(*ALONE, "-n", "2", "--mockcs-url", served.base_url).assert_outcomes(passed=40)
    mocks, workers = seen(tester)
    assert mocks == {served.base_url}
    assert len(workers) == 2
    assert served.get("/__admin/spaces").json == {"spaces": ["default"]}
    assert served.calls() == []


@pytest.mark.slow
def test_failed_tests_leave_nothing_in_a_served_mock_either(tester: pytest.Pytester, served: Mock) -> None:
    suite = f"def test_one(mockcs):\n    {BROKEN}\ndef test_two(mockcs):\n    start(mockcs.url)\n    assert 0"
    result = run(tester, suite, "--mockcs-url", f"{served.base_url}/")
    result.assert_outcomes(passed=1, errors=1, failed=1)
    assert ROW in told(result)
    assert "1  start_service  201  POST /genesys/1/cs/services/start" in "\n".join(section(result))
    assert served.get("/__admin/spaces").json == {"spaces": ["default"]}


@pytest.mark.slow
def test_the_plugin_s_own_suite_passes_against_a_served_mock(served: Mock) -> None:
    command = [sys.executable, "-m", "pytest", "tests/suite", "-p", "no:cacheprovider", "--mockcs-url", served.base_url]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert served.get("/__admin/spaces").json == {"spaces": ["default"]}


@pytest.mark.slow
def test_the_token_of_a_guarded_mock_is_taken_from_its_variable(
    tester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite = "def test_it(mockcs):\n    start(mockcs.url)\n    assert len(mockcs.calls) == 1"
    with serving(MOCKCS_ADMIN_TOKEN="sesame") as guarded:
        monkeypatch.setenv("MOCKCS_ADMIN_TOKEN", "sesame")
        run(tester, suite, "--mockcs-url", guarded.base_url).assert_outcomes(passed=1)
        monkeypatch.delenv("MOCKCS_ADMIN_TOKEN")
        result = run(tester, suite, "--mockcs-url", guarded.base_url)
    assert "the admin API wants a token MOCKCS_ADMIN_TOKEN gives it one" in told(result)
    assert "client.py" not in told(result)


# Where the mock is not


@pytest.fixture
def dead_url() -> Iterator[str]:
    """The URL of a port that is taken, so that nobody else gets it, and on which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


def test_a_url_where_no_mock_is_gives_one_clear_sentence(tester: pytest.Pytester, dead_url: str) -> None:
    result = run(tester, "def test_it(mockcs):\n    pass", "--mockcs-url", dead_url)
    assert result.ret != 0
    report = result.stdout.str() + result.stderr.str()
    assert f"no mockcs answers at {dead_url}" in report
    for inner in ("client.py", "socket.py", "pytest_plugin.py", "During handling", "direct cause"):
        assert inner not in report


def test_the_base_url_of_an_application_is_not_that_of_a_mock(tester: pytest.Pytester, served: Mock) -> None:
    url = f"{served.base_url}/genesys/1/cs"
    result = run(tester, "def test_it(mockcs):\n    pass", "--mockcs-url", url)
    result.assert_outcomes(errors=1)
    assert f"--mockcs-url: {url} is not where a mock has its admin API" in " ".join(result.outlines)
    assert "give scheme, host and port of the mock, without the path of its API" in " ".join(result.outlines)


def test_a_url_with_a_space_in_it_gives_one_clear_sentence(tester: pytest.Pytester) -> None:
    result = run(tester, "def test_it(mockcs):\n    pass", "--mockcs-url", "http://127.0.0.1:1/__space/x")
    result.assert_outcomes(errors=1)
    assert "names a space, and each test has one of its own" in told(result)


@pytest.mark.parametrize("url", ["127.0.0.1:8080", "http://127.0.0.1:99999", "http://127.0.0.1:port", "nonsense"])
def test_a_url_that_is_none_gives_one_clear_sentence(tester: pytest.Pytester, url: str) -> None:
    result = run(tester, "def test_it(mockcs):\n    pass", "--mockcs-url", url)
    assert result.ret != 0
    report = result.stdout.str() + result.stderr.str()
    assert url in report
    assert "http://" in report
    for inner in ("client.py", "socket.py", "parse.py", "pytest_plugin.py"):
        assert inner not in report


def test_a_mock_that_went_away_leaves_a_failed_test_its_own_error(tester: pytest.Pytester, dead_url: str) -> None:
    suite = f"def test_it(mockcs):\n    mockcs.base_url = '{dead_url}'\n    raise ValueError('mine')"
    with Server() as cs:
        result = run(tester, suite, "--mockcs-url", cs.base_url)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *ValueError: mine"])
    assert f"no mockcs answers at {dead_url}" in " ".join(section(result))


def test_a_test_that_cut_itself_off_keeps_its_own_error(tester: pytest.Pytester) -> None:
    cut_off = "monkeypatch.setattr('http.client.HTTPConnection.request', None)"
    result = run(tester, f"def test_it(mockcs, monkeypatch):\n    {cut_off}\n    raise ValueError('mine')")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *ValueError: mine"])


def test_the_option_is_told_in_the_help(tester: pytest.Pytester) -> None:
    result = tester.runpytest_inprocess("--help")
    result.stdout.fnmatch_lines(["*--mockcs-url=URL*"])
    markers = tester.runpytest_inprocess("--markers")
    markers.stdout.fnmatch_lines(["@pytest.mark.mockcs(allow_violations=False)*"])


# What the plugin costs, and its types

LOADED = """
import sys

def pytest_unconfigure():
    costly = ("flask", "werkzeug", "jsonschema", "jsonschema_rs", "orjson", "granian", "click")
    found = [name for name in sys.modules if name in costly or name.startswith("mockcs.")]
    print("loaded:", *sorted(found))
"""


@pytest.mark.parametrize("end", ["pass", "assert 0"], ids=["passed", "failed"])
def test_tests_that_do_not_use_the_mock_do_not_load_it(tester: pytest.Pytester, end: str) -> None:
    tester.makeconftest(LOADED)
    tester.makepyfile(f"def test_it(tmp_path):\n    {end}")
    result = tester.runpytest_subprocess(*ALONE)
    result.stdout.fnmatch_lines(["loaded: mockcs.pytest_plugin"])


USED = """
from mockcs import Call, Client, Server, Service

def test_it(mockcs: Client) -> None:
    reveal_type(mockcs.url)
    reveal_type(mockcs.calls.last.response.status)
    reveal_type(mockcs.calls.of("start_service"))
    reveal_type(mockcs.calls[0].request.method)
    reveal_type(mockcs.calls[1:])
    reveal_type(mockcs.assert_called("start_service", body={"a": 1}, times=1))
    reveal_type(mockcs.wait_for("start_service", timeout=5))
    reveal_type(mockcs.service(1).active)
    reveal_type(mockcs.services(active=True))
    reveal_type(mockcs.given_service(customer_id="C1"))
    reveal_type(mockcs.service(1).service_id)
    reveal_type(mockcs.calls.last.violations[0].message)
    reveal_type(mockcs.calls.last.changes[0].kind)
    reveal_type(mockcs.clock.advance(60).expired)
    reveal_type(mockcs.ids.service)
    reveal_type(mockcs.readings["complete-status"])
    mockcs.ids.service = 12349857
    mockcs.readings["complete-status"] = "200"
    with Server() as cs:
        reveal_type(cs)
"""
TYPES = [
    "str",
    "int",
    "mockcs.values.Calls",
    "str",
    "list[mockcs.values.Call]",
    "mockcs.values.Call",
    "mockcs.values.Call",
    "bool",
    "list[mockcs.values.Service]",
    "mockcs.values.Service",
    "int",
    "str",
    "str",
    "list[int | str]",
    "int",
    "str",
    "mockcs.client.Client",
]


def checked(config: pytest.Config, suite: Path) -> str:
    """What mypy --strict says about a suite in a folder of its own."""
    kept = getattr(config, "cache", None)
    cache = kept.mkdir("mypy") if kept else suite.parent / ".mypy_cache"
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir", str(cache), suite.name]
    done = subprocess.run(command, cwd=suite.parent, capture_output=True, text=True, timeout=300, check=False)
    return done.stdout + done.stderr


@pytest.mark.slow
def test_a_suite_gets_real_types_from_the_fixture(pytestconfig: pytest.Config, tmp_path: Path) -> None:
    suite = tmp_path / "test_types.py"
    suite.write_text(USED, encoding="utf-8")
    report = checked(pytestconfig, suite)
    assert "Success" in report
    assert [found.replace("builtins.", "") for found in re.findall(r'Revealed type is "(.+)"', report)] == TYPES


@pytest.mark.slow
def test_a_suite_that_mistakes_a_type_or_a_name_is_told(pytestconfig: pytest.Config, tmp_path: Path) -> None:
    suite = tmp_path / "test_wrong.py"
    mistakes = "status: str = mockcs.calls.last.response.status", "mockcs.calls.last.violations[0].feild"
    wrong = "\n    ".join(["def test_it(mockcs: Client) -> None:", *mistakes])
    suite.write_text(f"from mockcs import Client\n\n{wrong}\n", encoding="utf-8")
    report = checked(pytestconfig, suite)
    assert 'expression has type "int", variable has type "str"' in report
    assert '"Violation" has no attribute "feild"' in report
