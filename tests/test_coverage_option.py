"""`pytest --mockcs-cov` and `--mockcs-cov-min`: the coverage of a whole run, over its tests, workers and spaces."""

from __future__ import annotations

import re

import pytest

from mockcs.app import create_app
from mockcs.coverage import summary
from tests.conftest import Mock

pytest_plugins = ["pytester"]

TITLE = "mockcs: coverage of the documented API"
ALONE = ("-p", "no:cacheprovider", "-p", "no:flask", "-p", "no:hypothesispytest")
SUITE = """
import json
import pytest
from urllib.error import HTTPError
from urllib.request import Request, urlopen

def post(url, body):
    with urlopen(Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})) as answer:
        return json.loads(answer.read() or b"null")

@pytest.mark.parametrize("event", [{}, {"est_duration": 60}, {"service_type": 100}, {"ttl": 60}])
def test_start(mockcs, event):
    post(mockcs.url + "/services/start", {"contact_key": "42", **event})

def test_end(mockcs):
    service = mockcs.given_service(contact_key="42")
    post(f"{mockcs.url}/services/{service.service_id}/end", {"disposition": 1})

@pytest.mark.mockcs(allow_violations=True)
def test_refused(mockcs):
    with pytest.raises(HTTPError) as raised:
        post(mockcs.url + "/services/1/states/start", {"state_type": True})
    raised.value.close()

def test_without_the_mock():
    pass
"""


@pytest.fixture(autouse=True)
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A tester's folder with a suite of seven tests, before a terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    pytester.makepyfile(test_suite=SUITE)
    return pytester


def run(suite: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return suite.runpytest_inprocess(*ALONE, "-p", "no:xdist", "-p", "no:xdist.looponfail", *arguments)


def told(result: pytest.RunResult) -> list[str]:
    """The lines of the summary; none when there is no such section."""
    lines = result.outlines
    starts = [number for number, line in enumerate(lines) if TITLE in line]
    if not starts:
        return []
    rest = [line for line in lines[starts[0] + 1 :] if line]
    end = next(number for number, line in enumerate(rest) if line.startswith("in all: "))
    return rest[: end + 1]


def percent(lines: list[str]) -> float:
    found = re.fullmatch(r"in all: ([\d.]+) %.*", lines[-1])
    assert found, lines
    return float(found[1])


def test_the_summary_tells_each_kind_and_what_was_never_called(suite: pytest.Pytester) -> None:
    result = run(suite, "--mockcs-cov")
    result.assert_outcomes(passed=7)
    assert result.ret == pytest.ExitCode.OK
    lines = told(result)
    assert [line.split()[:2] for line in lines[:4]] == [
        ["8.5", kind] for kind in ("operations", "fields", "values", "errors")
    ]
    operations = re.fullmatch(r"8\.5 +operations +3 of +\d+ met, 1 of them only refused", lines[0])
    assert operations, lines
    fields = re.fullmatch(r"8\.5 +fields +8 of +\d+ met, 2 of them only refused", lines[1])
    assert fields, lines
    never = " ".join(lines[4:-1])
    assert "never called: " in never
    assert "composite_start" in never
    assert "(8.5)" not in never, "only one generation was called"
    assert "complete_service" not in never
    assert 0 < percent(lines) < 20
    assert [line for line in lines if len(line) > 80] == []


def test_without_the_option_nothing_is_said(suite: pytest.Pytester) -> None:
    assert told(run(suite)) == []


@pytest.mark.parametrize(("least", "code"), [("1", pytest.ExitCode.OK), ("80", pytest.ExitCode.TESTS_FAILED)])
def test_below_the_minimum_the_run_fails_although_its_tests_pass(
    suite: pytest.Pytester, least: str, code: pytest.ExitCode
) -> None:
    result = run(suite, f"--mockcs-cov-min={least}")
    result.assert_outcomes(passed=7)
    assert result.ret == code
    assert told(result)[-1].endswith(f" %, wanted at least {least} %")


def test_exactly_the_minimum_is_enough(suite: pytest.Pytester) -> None:
    share = percent(told(run(suite, "--mockcs-cov")))
    assert run(suite, f"--mockcs-cov-min={share}").ret == pytest.ExitCode.OK
    assert run(suite, f"--mockcs-cov-min={share + 0.1:.1f}").ret == pytest.ExitCode.TESTS_FAILED


def test_a_run_that_fails_anyway_keeps_its_code(suite: pytest.Pytester) -> None:
    suite.makepyfile(test_more="def test_it(mockcs):\n    assert 0")
    result = run(suite, "--mockcs-cov-min=80")
    result.assert_outcomes(passed=7, failed=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED


def test_a_run_without_the_mock_has_met_nothing(suite: pytest.Pytester) -> None:
    result = run(suite, "--mockcs-cov-min=1", "-k", "without_the_mock")
    result.assert_outcomes(passed=1, deselected=6)
    assert (told(result), result.ret) == (["in all: 0 %, wanted at least 1 %"], pytest.ExitCode.TESTS_FAILED)


def test_a_minimum_that_is_no_number_is_a_wrong_usage(suite: pytest.Pytester) -> None:
    assert run(suite, "--mockcs-cov-min=much").ret == pytest.ExitCode.USAGE_ERROR


def test_both_options_are_told_in_the_help(suite: pytest.Pytester) -> None:
    result = run(suite, "--help")
    result.stdout.fnmatch_lines(["*--mockcs-cov *", "*--mockcs-cov-min=PERCENT*"])


@pytest.mark.slow
def test_workers_and_spaces_meet_together_what_one_process_meets(suite: pytest.Pytester, served: Mock) -> None:
    alone = told(suite.runpytest_subprocess(*ALONE, "--mockcs-cov"))
    assert percent(alone) > 0
    for arguments in (("-n", "3"), ("--mockcs-url", served.base_url), ("-n", "3", "--mockcs-url", served.base_url)):
        result = suite.runpytest_subprocess(*ALONE, *arguments, "--mockcs-cov")
        result.assert_outcomes(passed=7)
        assert told(result) == alone, arguments
    assert served.get("/__admin/spaces").json == {"spaces": ["default"]}


@pytest.mark.slow
@pytest.mark.parametrize(("least", "code"), [("1", pytest.ExitCode.OK), ("80", pytest.ExitCode.TESTS_FAILED)])
def test_the_minimum_holds_over_workers_too(suite: pytest.Pytester, least: str, code: pytest.ExitCode) -> None:
    result = suite.runpytest_subprocess(*ALONE, "-n", "2", f"--mockcs-cov-min={least}")
    result.assert_outcomes(passed=7)
    assert result.ret == code


def test_an_operation_that_was_called_in_one_generation_names_the_other() -> None:
    client = create_app().test_client()
    client.post("/genesys/1/cs/services/start", json={"contact_key": "42"})
    client.get("/services/1")
    never = " ".join(" ".join(summary(client.get("/__admin/coverage").json or {})).split()).partition("never called: ")[
        2
    ]
    names = never.split(", ")
    assert {"start_service (8.1)", "query_service_by_id (8.5)", "start_state", "composite_start"} <= set(names)
    assert "start_service" not in names


def test_what_came_to_no_fixture_of_a_test_counts_too(suite: pytest.Pytester) -> None:
    session = (
        "\ndef test_session(mockcs_server):\n    post(mockcs_server.url + '/services/start', {'contact_key': '1'})\n"
    )
    other = "\ndef test_other(mockcs):\n    post(mockcs.of('x').url + '/services/start', {'customer_id': 'C'})\n"
    for test in (session, other):
        suite.makepyfile(test_suite=SUITE.partition("@pytest.mark")[0] + test)
        result = suite.runpytest_inprocess(*ALONE, "-p", "no:xdist", "-p", "no:xdist.looponfail", "--mockcs-cov")
        result.assert_outcomes(passed=1)
        assert "start_service" not in result.stdout.str().partition("never called:")[2]


@pytest.mark.parametrize("least", ["nan", "-1", "101", "much"])
def test_a_minimum_that_cannot_be_meant_is_refused(suite: pytest.Pytester, least: str) -> None:
    result = suite.runpytest_inprocess(*ALONE, f"--mockcs-cov-min={least}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "it must be a number from 0 to 100" in result.stderr.str()


def test_coverage_does_without_the_options_of_other_plugins(suite: pytest.Pytester) -> None:
    result = suite.runpytest_inprocess(*ALONE, "-p", "no:setuponly", "-p", "no:setupplan", "--mockcs-cov")
    assert TITLE in result.stdout.str()


@pytest.mark.parametrize("option", ["--collect-only", "--setup-only", "--setup-plan"])
def test_a_run_without_a_test_needs_no_coverage(suite: pytest.Pytester, option: str) -> None:
    result = suite.runpytest_inprocess(*ALONE, option, "--mockcs-cov-min=80")
    assert result.ret == pytest.ExitCode.OK
    assert TITLE not in result.stdout.str()


@pytest.mark.parametrize(("percent", "code"), [("0", 0), ("0.5", 1), ("100", 1)])
def test_a_minimum_may_be_any_percentage(suite: pytest.Pytester, percent: str, code: int) -> None:
    assert suite.runpytest_inprocess(*ALONE, "-k", "without_the_mock", f"--mockcs-cov-min={percent}").ret == code
