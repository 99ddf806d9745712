"""The pytest plugin: its options, the fixtures mockcs_server and mockcs, the report and the coverage.

Only pytest is imported here; the rest comes with the first test that asks for a fixture.
"""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from mockcs.client import Client
    from mockcs.fresh import Fresh

_COVERED = pytest.StashKey[list[Any]]()
_CLIENT = pytest.StashKey["Fresh"]()
_SPACES = pytest.StashKey[list[str]]()
_OUTCOME = pytest.StashKey[str]()
_TOLD = pytest.StashKey["Mapping[Client, Mapping[int, int]]"]()  # the calls that the report of a failed test tells
_NO_TESTS = ("collectonly", "setuponly", "setupplan")  # options under which no test runs
_NO_TOKEN, _TOO_MANY_WAITING = 401, 503
_NAME = 16  # digits that tell the space of one test from all others, and leave a report its 80 columns
_BARRIER = 0.25  # seconds that a call which is under way when its test ends is waited for


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer --mockcs-url, --mockcs-cov and --mockcs-cov-min."""
    group = parser.getgroup("mockcs", "stand-in for Genesys Context Services")
    group.addoption(
        "--mockcs-url",
        metavar="URL",
        default=None,
        help="a running mockcs to use, in a space of its own for each test, instead of a server in this process",
    )

    group.addoption(
        "--mockcs-cov",
        action="store_true",
        help="tell at the end which documented operations, fields, values and errors the suite has met",
    )
    group.addoption(
        "--mockcs-cov-min",
        metavar="PERCENT",
        type=_percentage,
        default=None,
        help="the same, and fail below this much",
    )


def _percentage(text: str) -> float:
    from argparse import ArgumentTypeError  # noqa: PLC0415 - few give it

    try:
        number = float(text)
    except ValueError:
        number = -1
    if 0 <= number <= 100:
        return number
    raise ArgumentTypeError(f"it must be a number from 0 to 100, not {text!r}")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.stash[_COVERED], config.stash[_SPACES] = [], []
    config.addinivalue_line("markers", "mockcs(allow_violations=False): what the mockcs fixture lets pass in this test")


@pytest.fixture(scope="session")
def mockcs_server(request: pytest.FixtureRequest) -> Iterator[Client]:
    """The mock for the session, one for each xdist worker: at --mockcs-url, or in this process on a free port."""
    url = request.config.getoption("--mockcs-url")
    if url is not None:
        client = _reached(url)
        yield client
        _sweep(client, request.config.stash[_SPACES])
        return
    from mockcs.server import Server  # noqa: PLC0415 - only who asks pays

    with Server() as client:
        yield client
        if _wants_coverage(request.config):
            spaces = client.ask("GET", "/spaces")["spaces"]  # also those that no fixture has made
            _cover(request.config, [client.of(space).ask("GET", "/coverage") for space in spaces])


def _sweep(client: Client, names: list[str]) -> None:
    """Do away with the spaces of tests that a call has made anew after its test."""
    from mockcs.errors import MockcsError  # noqa: PLC0415 - only who asks pays

    try:
        for space in client.ask("GET", "/spaces")["spaces"]:
            if space.split(".")[0] in names:
                client.of(space).forget_space()
    except MockcsError:
        return  # the mock has gone, and the spaces with it


def _reached(url: str) -> Client:
    from mockcs.addresses import SPACE  # noqa: PLC0415 - only who asks pays
    from mockcs.client import Client  # noqa: PLC0415
    from mockcs.errors import MockcsError  # noqa: PLC0415

    if SPACE in url:
        pytest.fail(f"--mockcs-url: {url} names a space, and each test has one of its own", pytrace=False)
    try:
        tls_cert = os.environ.get("MOCKCS_TLS_CERT", "")
        client = Client(url, token=os.environ.get("MOCKCS_ADMIN_TOKEN"), tls_cert=tls_cert)
        client.ask("GET", "/spaces")  # unlike /health it wants the token
    except MockcsError as error:
        hint = "MOCKCS_ADMIN_TOKEN gives it one" if error.status == _NO_TOKEN else error.hint
        sentence = f"--mockcs-url: {error}" + (f"\n{hint}" if hint else "")
    else:
        return client
    pytest.fail(sentence, pytrace=False)


@pytest.fixture
def mockcs(mockcs_server: Client, request: pytest.FixtureRequest) -> Iterator[Client]:
    """A fresh mock for this test; a broken documented rule fails the test at its end."""
    client = _fresh(mockcs_server, request)
    request.node.stash[_CLIENT] = client
    yield client
    try:
        if _wants_coverage(request.config):
            _cover(request.config, [each.ask("GET", "/coverage") for each in client.all])
        _check(client, request)
    finally:
        del request.node.stash[_CLIENT]
        client.forget()


def _fresh(server: Client, request: pytest.FixtureRequest) -> Fresh:
    from mockcs.fresh import Fresh  # noqa: PLC0415 - only who asks pays

    if not hasattr(server, "of"):  # a suite may bring a fixture of its own
        sentence = "the fixture mockcs_server must give a mockcs.Client, such as `with Server() as client` does"
        pytest.fail(f"{sentence}\nit gives {server!r}", pytrace=False)
    if request.config.getoption("--mockcs-url") is None:
        from mockcs.server import behind  # noqa: PLC0415 - only who asks pays

        # Whatever is at the end of it, the question over HTTP is half of what the fixture costs.
        here = behind(server) if server.space is None else None
        if here is None:
            server.ask("POST", "/reset")
        else:
            here.reset()
        return Fresh(server.of(server.space), shared=False)
    import uuid  # noqa: PLC0415 - only a shared mock needs names

    name = f"pytest-{uuid.uuid4().hex[:_NAME]}"
    request.config.stash[_SPACES].append(name)
    return Fresh(server.of(name), shared=True)


def _check(client: Fresh, request: pytest.FixtureRequest) -> None:
    stash = request.node.stash
    outcome = stash.get(_OUTCOME, "passed")
    # A test that was skipped or expected to fail has said what there is to say; one that failed, what came until then.
    if outcome == "skipped" or _allowed(request.node):
        return
    from mockcs.errors import MockcsError  # noqa: PLC0415 - only who asks for the fixture pays

    ends = time.monotonic() + _BARRIER
    told = stash.get(_TOLD, {}) if outcome == "failed" else {}
    try:
        broken = [call for each in client.all for call in _untold(each, ends, told.get(each, {}))]
    except MockcsError as error:
        if outcome == "failed":
            return
        pytest.fail(f"{error}\n{error.hint}", pytrace=False)
    if broken:
        from mockcs.report import violations  # noqa: PLC0415 - only a broken rule pays for it

        pytest.fail(violations(broken), pytrace=False)


def _untold(client: Client, ends: float, told: Mapping[int, int]) -> Iterator[Any]:
    """The calls of a client that broke a rule, but for those that a report has told, once for each time."""
    known = dict(told)
    for call in _refused(client, max(ends - time.monotonic(), 0)):
        if known.get(call.id):
            known[call.id] -= 1  # after a reset there may be another one of that id
        else:
            yield call


def _refused(client: Client, within: float) -> list[Any]:
    from mockcs.errors import MockcsError  # noqa: PLC0415 - see _check

    try:
        return client.refused(within=within)
    except MockcsError as error:
        if error.status != _TOO_MANY_WAITING:
            raise
    return client.refused()  # there is no place to wait in, so what is known now must do


def _allowed(node: Any) -> bool:
    mark = node.get_closest_marker("mockcs")
    if mark is None:
        return False
    allowed = mark.kwargs.get("allow_violations", False)
    if mark.args or set(mark.kwargs) - {"allow_violations"} or not isinstance(allowed, bool):
        given = mark.args or mark.kwargs
        pytest.fail(f"the marker mockcs takes allow_violations=True or False, not\n{given}", pytrace=False)
    return allowed


@pytest.hookimpl(hookwrapper=True)  # the newer wrapper=True needs pluggy 1.2, and pytest 7 does not
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, None]:
    """Add the calls of a failed test to its report; its own error stays as it is."""
    report = (yield).get_result()
    if call.when == "teardown":
        return
    # A test may be run again, which begins with a set-up, and may have parts that report for themselves.
    if call.when == "setup" or item.stash[_OUTCOME] != "failed":
        item.stash[_OUTCOME] = report.outcome
    client = item.stash.get(_CLIENT, None)
    if not report.failed or client is None:
        return
    from mockcs.telling import told_of  # noqa: PLC0415 - only a failed test pays for it

    text, item.stash[_TOLD] = told_of(client)
    section = ("mockcs: calls of this test", text)
    if hasattr(report.longrepr, "addsection"):
        report.longrepr.addsection(*section)  # goes wherever the error goes, into JUnit's XML too
    else:
        report.sections.append(section)


def _wants_coverage(config: pytest.Config) -> bool:
    asked = config.getoption("--mockcs-cov") or config.getoption("--mockcs-cov-min") is not None
    return bool(asked) and not any(config.getoption(name, False) for name in _NO_TESTS)


def _cover(config: pytest.Config, documents: list[Any]) -> None:
    from mockcs.coverage import merged  # noqa: PLC0415 - only who asks for coverage pays

    config.stash[_COVERED] = [merged([*config.stash[_COVERED], *documents])]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand a worker's coverage on to the main process; there, fail a session that is below the minimum."""
    output = getattr(session.config, "workeroutput", None)
    covered = session.config.stash[_COVERED]
    if output is not None:
        output["mockcs_coverage"] = covered
        return
    least = session.config.getoption("--mockcs-cov-min")
    wanted = least is not None and _wants_coverage(session.config)
    if wanted and session.exitstatus == pytest.ExitCode.OK and _percent(covered) < least:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over the coverage of an xdist worker that is done."""
    documents = getattr(node, "workeroutput", {}).get("mockcs_coverage", [])
    if documents:
        _cover(node.config, documents)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Tell the coverage of the documented API."""
    if not _wants_coverage(config):
        return
    from mockcs.coverage import summary  # noqa: PLC0415 - see _cover

    covered = config.stash[_COVERED]
    terminalreporter.section("mockcs: coverage of the documented API")
    for line in summary(covered[0]) if covered else ():
        terminalreporter.write_line(line)
    least = config.getoption("--mockcs-cov-min")
    wanted = "" if least is None else f", wanted at least {least:g} %"
    terminalreporter.write_line(f"in all: {_percent(covered):g} %{wanted}")


def _percent(covered: list[Any]) -> float:
    return float(covered[0]["percent"]) if covered else 0.0
