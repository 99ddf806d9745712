"""A bare WSGI hello world on granian, with the arguments that `mockcs serve` gives it.

The same through Flask, and on werkzeug's threaded server, to tell what each costs.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server

from mockcs import serving
from mockcs.settings import Settings

_HOST = "127.0.0.1"


def hello(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:  # noqa: ARG001 - WSGI
    """Say hello."""
    start_response("200 OK", [("content-type", "text/plain"), ("content-length", "11")])
    return [b"hello world"]


def loaded(*_: Any, **__: Any) -> Callable[..., Iterable[bytes]]:
    """The callable for granian's worker."""
    os.environ.clear()  # as mockcs does, for granian puts it into every environ
    return hello


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - werkzeug's name
        pass


def flask_loaded(*_: Any, **__: Any) -> Any:
    """The same through Flask's dispatch."""
    app = Flask("hello")
    app.add_url_rule("/<path:path>", view_func=lambda path: "hello world", methods=["POST"])  # noqa: ARG005
    os.environ.clear()
    return app


def main() -> None:
    """Serve on the port that is the first argument; the second one is `bare`, `flask` or `werkzeug`."""
    port, kind = int(sys.argv[1]), sys.argv[2]
    if kind == "werkzeug":
        make_server(_HOST, port, hello, threaded=True, request_handler=_Quiet).serve_forever()
    else:
        loader = {"bare": loaded, "flask": flask_loaded}[kind]
        # The server's own function: its arguments, whatever they become.
        served = serving._granian(Settings(), _HOST, port)  # noqa: SLF001
        served.serve(target_loader=loader, wrap_loader=False)


if __name__ == "__main__":
    main()
