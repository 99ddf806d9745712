"""The inspection and control API under /__admin: a blueprint per noun, and what they share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask, Response, current_app, request
from werkzeug.exceptions import HTTPException

from mockcs import __version__
from mockcs.addresses import ADMIN
from mockcs.errors import MockcsError
from mockcs.front import SPACE_KEY
from mockcs.json_text import NotJson, dumps, loads
from mockcs.messages import Document
from mockcs.space import Space
from mockcs.spaces import Spaces

_WORLD = "mockcs.world"
_DIGITS = 19
_LARGEST = 256 * 2**20  # bytes of a body; a state larger than that comes by `mockcs serve --state`
_WITH_PARAMETERS = frozenset({"calls.listed", "calls.har", "state.listed", "manual.health"})  # a probe may send any
_WITH_BODY = frozenset(
    {
        "calls.verify",
        "calls.verify_order",
        "clock.put",
        "clock.advance",
        "faults.order",
        "manual.choose",
        "state.planted",
        "state.set_ids",
        "state.put_state",
    }
)
"""The endpoints that check what they are given themselves; all others take nothing."""
_HINT = "GET /__admin lists the routes"
_MAY_BE = "docs/admin.md tells what it may be"
_UNKNOWN = 404


def space() -> Space:
    """The space of this request."""
    # Kept with the request and not in g: pytest-flask lets all requests of a test share one g.
    environ = request.environ
    if _WORLD not in environ:
        environ[_WORLD] = spaces().space(environ[SPACE_KEY])  # one and the same for a whole request
    found: Space = environ[_WORLD]
    return found


@contextmanager
def locked() -> Iterator[Space]:
    """The space of this request, locked; after a reset that came meanwhile it is the new one."""
    while True:
        world = space()
        with world.lock:
            if world.heir is None:
                yield world
                return
        del request.environ[_WORLD]


@contextmanager
def settled() -> Iterator[Space]:
    """The same with everything carried out that is due by now."""
    with locked() as world:
        world.settle()
        yield world


def spaces() -> Spaces:
    """The spaces of this server."""
    found: Spaces = current_app.extensions["mockcs"]
    return found


def answer(document: Any, status: int = 200) -> Response:
    """The document as the answer."""
    return Response(dumps(document), status=status, mimetype="application/json")


def body() -> Document:
    """The request's JSON object, an absent one as empty; MockcsError for anything else."""
    text = request.get_data()
    try:
        document = loads(text) if text.strip() else {}
    except NotJson as error:
        raise MockcsError(f"the body is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise MockcsError("the body must be a JSON object")
    return document


def asked(*names: str) -> dict[str, str]:
    """The query parameters of the request, each known and given once; MockcsError otherwise."""
    for name, values in request.args.lists():
        if len(values) > 1:
            raise MockcsError(f"{name} is given {len(values)} times", hint="give it once")
    found = request.args.to_dict()
    only(found, *names, what="query parameter")
    return found


def decimal_of(text: str) -> int | None:
    """The whole number that a text of digits says; None for any other text, and for one that is too long."""
    return int(text) if text.isdecimal() and len(text) <= _DIGITS else None


def only(document: Document, *names: str, what: str = "member") -> None:
    """Refuse members that the route does not know: a misspelt one must not pass in silence."""
    for name in document:
        if name not in names:
            hint = f"it may have {', '.join(names)}" if names else "this route takes none"
            raise MockcsError(f"there is no {what} {name!r} here", hint=hint)


def app_of(spaces: Spaces) -> Flask:
    """The admin API of these spaces as a Flask app."""
    from mockcs.admin import calls, clock, faults, manual, safety, state  # noqa: PLC0415 - they need what stands above

    app = Flask("mockcs", static_folder=None)
    app.extensions["mockcs"] = spaces
    for module in (calls, clock, faults, manual, state):
        app.register_blueprint(module.blueprint, url_prefix=ADMIN)
    app.register_error_handler(MockcsError, _wrong)
    app.register_error_handler(HTTPException, _http)
    app.config["MAX_CONTENT_LENGTH"] = _LARGEST
    app.url_map.merge_slashes = False
    app.before_request(safety.checked)
    app.before_request(_nothing_unasked)
    app.after_request(_versioned)
    return app


def _nothing_unasked() -> None:
    """Refuse a parameter or a member where a route takes none: `DELETE /calls?operation=x` must not forget all."""
    if request.endpoint is None:
        return  # there is no such route, which goes before
    if request.endpoint not in _WITH_PARAMETERS:
        asked()
    if request.endpoint not in _WITH_BODY and request.method not in ("GET", "HEAD", "OPTIONS"):
        only(body())


def _wrong(error: MockcsError) -> Response:
    hint = error.hint or (_HINT if error.status == _UNKNOWN else _MAY_BE)
    return answer({"error": str(error), "hint": hint}, error.status)


def _http(error: HTTPException) -> Response:
    sentence = error.description or ""
    if error.code in (404, 405):
        sentence = f"there is no {request.method} {request.path} in the admin API"
    allowed = dict(error.get_headers()).get("Allow")
    response = answer({"error": sentence, "hint": f"it takes {allowed}" if allowed else _HINT}, error.code or 500)
    if allowed:
        response.headers["Allow"] = allowed
    return response


def _versioned(response: Response) -> Response:
    response.headers["Mockcs-Version"] = __version__
    return response
