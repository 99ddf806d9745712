"""create_app(): the Flask app, its `wsgi_app` wrapped by the front."""

from __future__ import annotations

from functools import partial

from flask import Flask

from mockcs import admin, documented
from mockcs.errors import MockcsError
from mockcs.front import Front
from mockcs.portable import read_state, restore
from mockcs.routes import Routes
from mockcs.schemas import Validators
from mockcs.settings import Settings
from mockcs.spaces import Spaces


def create_app(settings: Settings | None = None) -> Flask:
    """The whole mock as a Flask app: the documented API, and the admin API under /__admin.

    Takes the settings of `mockcs serve`; raises MockcsError for a bad reading, table or schema.
    """
    settings = settings or Settings()
    manual = documented.read(settings.schemas)
    spaces = Spaces(manual, Validators(manual), settings)
    if settings.state:
        document = read_state(settings.state)
        try:
            spaces.begin_with(partial(restore, document=document))
        except MockcsError as error:
            raise MockcsError(f"{settings.state}: {error}", hint=error.hint) from error
    app = Flask("mockcs", static_folder=None)
    app.extensions["mockcs"] = spaces
    admin.register(app)
    # Flask's documented way to put a layer of one's own in front of its dispatch.
    app.wsgi_app = Front(spaces, Routes(manual), app.wsgi_app)  # type: ignore[method-assign]
    return app
