"""create_app(): the Flask app, its `wsgi_app` wrapped by the front; and for a server the same, Flask left for later."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from functools import lru_cache, partial
from typing import TYPE_CHECKING, NamedTuple

from mockcs import documented
from mockcs.documented import Manual
from mockcs.errors import MockcsError
from mockcs.front import Environ, Front, StartResponse, Wsgi
from mockcs.portable import is_timed, read_state, restore
from mockcs.routes import Routes
from mockcs.schemas import Validators
from mockcs.settings import Settings
from mockcs.spaces import Spaces

if TYPE_CHECKING:
    from flask import Flask


class _Rules(NamedTuple):
    """What requests are answered by. Nobody changes it, so any number of mocks may have the same."""

    manual: Manual
    validators: Validators
    routes: Routes


class Mock(NamedTuple):
    """A mock as a server needs it: its spaces, the WSGI callable in front of them, and how to get the admin API ready.

    Whoever does not call `prepare` gets the admin API ready with the first request to it.
    """

    spaces: Spaces
    wsgi: Front
    prepare: Callable[[], Wsgi]


def create_app(settings: Settings | None = None) -> Flask:
    """The whole mock as a Flask app: the documented API, and the admin API under /__admin.

    Takes the settings of `mockcs serve`; raises MockcsError for a bad reading, table or schema.
    """
    rules, spaces = _begun(settings or Settings())
    app = _admin(spaces)
    # Flask's documented way to put a layer of one's own in front of its dispatch.
    app.wsgi_app = Front(spaces, rules.routes, app.wsgi_app)  # type: ignore[method-assign]
    return app


def create_mock(settings: Settings) -> Mock:
    """What `create_app` gives, for a server: Flask comes with the first request to the admin API."""
    rules, spaces = _begun(settings)
    admin = _Admin(spaces)
    return Mock(spaces, Front(spaces, rules.routes, admin), admin.prepare)


class _Admin:
    """The admin API, made when it is first asked: importing Flask takes as long as all the rest of a start."""

    def __init__(self, spaces: Spaces) -> None:
        self._spaces = spaces
        self._lock = threading.Lock()
        self._app: Wsgi | None = None

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        return self.prepare()(environ, start_response)

    def prepare(self) -> Wsgi:
        """The admin API, made unless it is there."""
        with self._lock:
            self._app = self._app or _admin(self._spaces).wsgi_app
            return self._app


def _admin(spaces: Spaces) -> Flask:
    from mockcs.admin import app_of  # noqa: PLC0415 - see _Admin

    return app_of(spaces)


def _begun(settings: Settings) -> tuple[_Rules, Spaces]:
    rules = _rules(settings.schemas) if settings.schemas else _shipped()
    spaces = Spaces(rules.manual, rules.validators, settings)
    if settings.state:
        document = read_state(settings.state)
        try:
            spaces.begin_with(partial(restore, document=document), partial(is_timed, document))
        except MockcsError as error:
            raise MockcsError(f"{settings.state}: {error}", hint=error.hint) from error
    return rules, spaces


@lru_cache(maxsize=1)
def _shipped() -> _Rules:
    # Somebody's own set may be changed between two mocks of one process, the shipped one may not.
    return _rules("")


def _rules(folder: str) -> _Rules:
    manual = documented.read(folder)
    return _Rules(manual, Validators(manual), Routes(manual))
