"""What a tester reads when a test fails: the calls, what each changed, violations, advice, and near misses."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from mockcs.calls import SECRET_HEADERS
from mockcs.values import Call

_WIDTH = 64  # pytest puts up to 15 signs before a line of a message, and a report has 80
_MOST = 30
_REFUSED = 400
_MOST_JSON = 160  # characters
NO_CALL = "no call came"


def named(found: Mapping[str, Any]) -> list[int]:
    """The numbers of the calls that the message of a failed expectation tells of."""
    return [*found["calls"][:_MOST], *(near["call"] for near in found["nearest"])]


def failed_verification(wanted: Mapping[str, Any], found: Mapping[str, Any], calls: Mapping[int, Call]) -> str:
    """The message of a failed assert_called, assert_not_called or wait_for."""
    reason, unknown = _reason_of(found)
    lines = [f"{wanted.get('operation', 'any call')}: {reason}"]
    lines += [_wrapped(2, each) for each in _members(wanted)]
    lines += unknown
    lines += _listed("matching", found["calls"], calls)
    return "\n".join([*lines, *_nearest(found, calls)])


def failed_order(matches: Sequence[Mapping[str, Any]], found: Mapping[str, Any], calls: Mapping[int, Call]) -> str:
    """The message of a failed assert_order."""
    reason, unknown = _reason_of(found)
    lines = [reason]
    for number, match in enumerate(matches, start=1):
        lines.append(_wrapped(2, "; ".join([f"{number}. {match.get('operation', 'any call')}", *_members(match)])))
    lines += unknown
    lines += _listed("found", found["calls"], calls)
    return "\n".join([*lines, *_nearest(found, calls)])


def _reason_of(found: Mapping[str, Any]) -> tuple[str, list[str]]:
    """The reason of a verdict, and the lines on what keeps the mock from one."""
    reason, _, missing = found["reason"].partition("; ")
    if found["verdict"] != "cannot_say":
        return reason, []
    return reason, [_wrapped(0, f"mockcs cannot say, because not every call is known: {missing}")]


def _members(match: Mapping[str, Any]) -> Iterator[str]:
    """What was wanted beside the operation, without the secrets that the mock masks as well."""
    shown = {name: value for name, value in match.items() if name != "operation"}
    if isinstance(headers := match.get("headers"), Mapping):
        shown["headers"] = {
            name: "masked" if str(name).lower() in SECRET_HEADERS else value for name, value in headers.items()
        }
    yield from (f"{name}: {_json(value)}" for name, value in shown.items())


def unknown_service(service_id: int | str, known: Sequence[Any]) -> str:
    """The message of an expectation about a service that is not there."""
    shown = ", ".join(str(each) for each in known[:_MOST]) or "there is none"
    more = f" and {len(known) - _MOST} more" if len(known) > _MOST else ""
    return f"there is no service {service_id}\n{_wrapped(2, f'the services: {shown}{more}')}"


def timeline(calls: Sequence[Call], evicted: int = 0) -> str:
    """The calls of a test, one after the other, for a report of 80 columns; `evicted` ones are no longer kept.

    Calls in a row that are alike share a line. Of many, the last are shown, and the earlier ones that went wrong.
    """
    if not calls and not evicted:
        return NO_CALL
    rows = [list(row) for _, row in groupby(calls, _kind)]
    odd = [row for row in rows[:-_MOST] if row[0].violations or row[0].advice or row[0].fault is not None]
    shown = [*odd[-_MOST:], *rows[-_MOST:]]
    left = len(calls) - sum(map(len, shown))
    earlier = [f"... calls that are no longer kept: {evicted}"] if evicted else []
    earlier += [f"... {left} earlier calls"] if left else []
    return "\n".join([*earlier, *(line for row in shown for line in _told(*row))])


def headed(space: str, text: str) -> str:
    """What is told of another space, under its name."""
    return f"{_wrapped(0, f'in the space {space}:')}\n{text}"


def _kind(call: Call) -> tuple[Any, ...]:
    """What calls that are told in one line have in common; nobody has the number of a call with more to tell."""
    more = call.changes or call.violations or call.advice or call.fault is not None
    request = call.request
    return (call.operation, call.status or call.state, request.method, request.path, _reason(call), more and call.id)


def unmet(faults: Iterable[Mapping[str, Any]]) -> str:
    """The faults that no call has met: what was ordered for them never happened."""
    found = [fault for fault in faults if not fault["met"]]
    more = [f"... {len(found) - _MOST} more faults that no call met"] if len(found) > _MOST else []
    lines = (_wrapped(0, f"no call met the fault {each['id']}: {_short(_ordered(each))}") for each in found[:_MOST])
    return "\n".join([*lines, *more])


def _ordered(fault: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fault.items() if name not in ("id", "met", "left")}


def violations(calls: Iterable[Call]) -> str:
    """The message of a test whose application broke a documented rule."""
    broken = [call for call in calls if call.violations]
    count = sum(len(call.violations) for call in broken)
    lines = [f"the application broke {count} documented rule{'s' if count != 1 else ''}:"]
    for call in broken[:_MOST]:
        lines += _told(call)
    if len(broken) > _MOST:
        lines.append(f"... {len(broken) - _MOST} more calls that broke one")
    lines += ["", "If the test means to: @pytest.mark.mockcs(allow_violations=True)"]
    return "\n".join(lines)


def _told(call: Call, *alike: Call) -> list[str]:
    lines = [_line(call, *alike)]
    if reason := _reason(call):
        lines.append(_wrapped(6, f"answer: {_short(reason)}"))
    lines += [_wrapped(6, f"{each.kind} {each.id} {each.change}") for each in call.changes]
    if call.fault is not None:
        lines.append(_wrapped(6, f"it met the fault {call.fault}"))
    for violation in call.violations:
        lines.append(_wrapped(6, f"violation: {violation.pointer or 'body'}: {violation.message}"))
        if violation.field:
            lines.append(_wrapped(6, f"manual: {_quoted(violation)}"))
        lines.append(_wrapped(6, f"fix: {violation.fix}"))
    return lines + [_wrapped(6, f"advice: {advice}") for advice in call.advice]


def _reason(call: Call) -> Any:
    """What the answer says of a refusal of which the record has no reason; None for any other answer."""
    if (call.status or 0) < _REFUSED or call.violations or call.fault is not None:
        return None
    body = call.response.json
    return (body.get("message") or body.get("description")) if isinstance(body, dict) else None


def _quoted(violation: Any) -> str:
    row = f"{violation.table}, {violation.field}: {violation.type}, mandatory {violation.mandatory}"
    return f"{row} ({violation.page})" if violation.page else row


def _line(call: Call, *alike: Call) -> str:
    outcome, last = call.status or call.state, f" to {alike[-1].id}" if alike else ""
    text = f"{call.id:>3}{last}  {call.operation or 'unknown'}  {outcome}  {call.request.method} {call.request.path}"
    return _wrapped(0, text, 6)


def _wrapped(indent: int, text: str, further: int | None = None) -> str:
    later = indent + 2 if further is None else further
    return textwrap.fill(
        text, _WIDTH, initial_indent=" " * indent, subsequent_indent=" " * later, break_on_hyphens=False
    )


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _short(value: Any) -> str:
    text = _json(value)
    return text if len(text) <= _MOST_JSON else f"{text[:_MOST_JSON]}…"


def _listed(word: str, numbers: Sequence[int], calls: Mapping[int, Call]) -> list[str]:
    if not numbers:
        return []
    more = [f"  ... {len(numbers) - _MOST} more"] if len(numbers) > _MOST else []
    return [f"{word} calls:", *(line for number in numbers[:_MOST] for line in _shown(number, calls)), *more]


def _shown(number: int, calls: Mapping[int, Call]) -> list[str]:
    call = calls.get(number)
    return [f"{number:>3}  is no longer kept"] if call is None else [_line(call), *_sent(call)]


def _sent(call: Call) -> list[str]:
    # Whether a call was doubled, or another one was meant, is seen by what it sent.
    body = call.request.json
    return [] if body is None else [_wrapped(6, _short(body))]


def _nearest(found: Mapping[str, Any], calls: Mapping[int, Call]) -> list[str]:
    near = [each for each in found["nearest"] if each["call"] not in found["calls"]]
    if not near:
        return [] if found["calls"] else ["no other call came"]
    lines = ["nearest calls:"]
    for each in near:
        lines.append(_shown(each["call"], calls)[0])
        lines += [_wrapped(6, difference) for difference in each["differences"]]
    return lines
