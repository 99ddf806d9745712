"""The `mockcs` command."""

from __future__ import annotations

import json
import math
import os
import shlex
import sys
import threading
import time
from dataclasses import asdict
from typing import Any

import click

from mockcs import __version__, documented
from mockcs.addresses import ADMIN, PREFIXES, SPACE
from mockcs.configuration import misspelt, settings_of, with_settings
from mockcs.errors import MockcsError
from mockcs.settings import Settings, is_loopback, url_of

_WRONG = 2
_ASK_AGAIN = 0.05
_LIKE_SERVE = {"auto_envvar_prefix": "MOCKCS", "show_default": True}
_AS_JSON = click.option("--json", "as_json", is_flag=True, help="The rows as JSON.")
_FOLDER = click.argument("folder", required=False, default="", type=click.Path(file_okay=False))
_PATH_WIDTH = 66  # of the 80 columns, what is left beside generation and method


class _Group(click.Group):
    """Turns a MockcsError into its sentence and exit code 2."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except MockcsError as error:
            hint = f" ({error.hint})" if error.hint else ""
            click.echo(f"mockcs: {error}{hint}", err=True)
            ctx.exit(_WRONG)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="mockcs")
def main() -> None:
    """A stand-in for Genesys Context Services that a test pipeline can trust."""


@main.command(context_settings=_LIKE_SERVE)
@with_settings()
@click.pass_context
def serve(context: click.Context, /, **given: Any) -> None:
    """Serve the mock until Ctrl-C. Each flag is a variable too: --max-calls is MOCKCS_MAX_CALLS."""
    from mockcs.serving import serve as run  # noqa: PLC0415 - the other commands start faster without

    settings = settings_of(given, context)
    for sentence in misspelt(os.environ):
        click.echo(f"mockcs: warning: {sentence}", err=True)
    if not settings.admin_token and not is_loopback(settings.host):
        click.echo(
            f"mockcs: warning: {settings.host} is reached from other machines and no --admin-token is set: "
            "whoever reaches it may read and change everything",
            err=True,
        )
    run(settings)


class _Seconds(click.FloatRange):
    """A number of seconds, not infinitely many."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number; UsageError when it is none."""
        found = super().convert(value, param, ctx)
        if not math.isfinite(found):
            self.fail(f"{value!r} is no number of seconds.", param, ctx)
        return found


@main.command(context_settings=_LIKE_SERVE)
@with_settings("host", "port", "tls_cert")
@click.option(
    "--timeout",
    type=_Seconds(0, min_open=True),
    default=2.0,
    show_default=True,
    allow_from_autoenv=False,
    help="Seconds to wait for an answer.",
)
@click.option(
    "--wait",
    type=_Seconds(0),
    default=0.0,
    allow_from_autoenv=False,
    help="Seconds to go on asking until the mock answers.",
)
def healthcheck(host: str, port: int, tls_cert: str, timeout: float, wait: float) -> None:
    """Exit with 0 if a mock answers there, else with 1."""
    url = _url(host, port, tls_cert)
    deadline = time.monotonic() + wait
    while True:
        try:
            health = _health(url, tls_cert, timeout)
        except (OSError, MockcsError) as error:
            if time.monotonic() >= deadline:
                sentence = str(error) if isinstance(error, MockcsError) else f"{url} does not answer: {error}"
                click.echo(f"mockcs: {' '.join(sentence.split())}", err=True)
                sys.exit(1)
            threading.Event().wait(_ASK_AGAIN)
        else:
            click.echo(f"{health['status']}: mockcs {health['version']}, up {health['uptime_seconds']} s")
            return


def _url(host: str, port: int, tls_cert: str) -> str:
    if port == 0:
        raise MockcsError("port 0 is none that a mock is reached by", hint="name the one that it listens on")
    return url_of(host, port, tls_cert)


def _health(url: str, tls_cert: str, timeout: float) -> Any:
    from http.client import HTTPException  # noqa: PLC0415 - slow to import, and only this command needs them

    from mockcs.transport import Transport, document_of  # noqa: PLC0415

    try:
        answer = Transport(tls_cert).answer(url, "GET", f"{ADMIN}/health", None, {}, timeout)
    except HTTPException as error:
        raise MockcsError(f"{url} is no HTTP: {error!r}") from error
    health = document_of(answer, url)
    if not (isinstance(health, dict) and {"status", "version", "uptime_seconds"} <= health.keys()):
        raise MockcsError(f"{url} is no mockcs")
    return health


@main.command()
@_AS_JSON
def operations(as_json: bool) -> None:
    """List the operations that are mocked."""
    manual = documented.read()
    if as_json:
        click.echo(json.dumps([asdict(row) for row in manual.operations], indent=2))
        return
    for row in manual.operations:
        path = PREFIXES[row.api] + row.path
        if len(path) > _PATH_WIDTH:
            at = path.rindex("/", 0, _PATH_WIDTH)
            path = f"{path[:at]}\n{' ' * 14}{path[at:]}"
        click.echo(f"{row.api}  {row.method:6} {path}")
        click.echo(f"     {row.name} · {row.id or 'no ID'}\n     {row.status} · {row.evidence}")


@main.command()
@_AS_JSON
def readings(as_json: bool) -> None:
    """List the readings: what the manual leaves open. The choices stand beside each question."""
    manual = documented.read()
    if as_json:
        click.echo(json.dumps([row.document(row.default) for row in manual.readings.values()], indent=2))
        return
    for row in manual.readings.values():
        click.echo(click.wrap_text(f"{row.id} ({row.api}): {row.question}", subsequent_indent="    "))
        click.echo(f"    {' | '.join(row.choices)}   default {row.default} · {row.evidence}")


@main.command()
@click.argument("operation")
def explain(operation: str) -> None:
    """Tell what is known of an operation. What is inferred says so."""
    from mockcs.explaining import explained  # noqa: PLC0415 - only who asks pays

    for line in explained(documented.read(), operation, _width()):
        click.echo(line)


@main.command()
@_AS_JSON
def ledger(as_json: bool) -> None:
    """List what the documents contradict or leave open. What answers it stands beside it."""
    rows = documented.read().ledger
    if as_json:
        click.echo(json.dumps([asdict(row) for row in rows], indent=2))
        return
    for row in rows:
        text = f"{row.api} {row.number}: {row.question} {row.answered_by}."
        click.echo(click.wrap_text(text, width=_width(), subsequent_indent="    "))


def _width() -> int:
    from shutil import get_terminal_size  # noqa: PLC0415 - brings every kind of archive with it

    return get_terminal_size().columns


@main.group()
def schemas() -> None:
    """The JSON Schemas that are generated from the tables."""


@schemas.command()
@_FOLDER
def build(folder: str) -> None:
    """Write the JSON Schemas from the tables. They are those of FOLDER, by default the shipped ones."""
    from mockcs import schemas as generator  # noqa: PLC0415 - compiles validators; the other commands do without

    manual = documented.read(folder)
    try:
        for path in generator.stale(manual):
            path.unlink(missing_ok=True)
        for path, text in generator.build(manual, manual.folder).items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise MockcsError(f"{error.filename or folder} cannot be written: {error.strerror}") from error
    click.echo(f"{len(manual.fields)} schemas are equal to their tables")


@schemas.command()
@_FOLDER
def check(folder: str) -> None:
    """Say which JSON Schemas differ from the tables. Exit with 1 if any does."""
    from mockcs import schemas as generator  # noqa: PLC0415 - see build

    try:
        found = generator.stale(documented.read(folder))
    except OSError as error:
        raise MockcsError(f"{error.filename or folder} cannot be read: {error.strerror}") from error
    for path in found:
        again = " ".join(["mockcs schemas build", *([folder] if folder else [])])
        click.echo(f"{path} differs from its table; `{again}` writes it anew", err=True)
    if found:
        sys.exit(1)
    click.echo("every schema is equal to its table")


@main.command(context_settings=_LIKE_SERVE)
@with_settings("host", "port", "tls_cert", "basic_auth")
@click.option("--space", default="", help="The name of a space of its own.", allow_from_autoenv=False)
def env(host: str, port: int, space: str, tls_cert: str, basic_auth: str) -> None:
    """Print the variables that a client needs. The credentials are harmless ones."""
    from mockcs.spaces import checked_name  # noqa: PLC0415 - the other commands start faster without

    url = _url(host, port, tls_cert)
    base = url + SPACE + checked_name(space) if space else url
    Settings(basic_auth=basic_auth)  # as `serve` checks it
    # A call that misses the mock must not reach a real account.
    user, _, password = (basic_auth or "mockcs:mockcs").partition(":")
    for name, value in {
        "MOCKCS_URL": url,
        "CONTEXT_SERVICES_URL": base + PREFIXES["8.5"],
        "CONTEXT_SERVICES_URL_81": base,
        "CONTEXT_SERVICES_USER": user,
        "CONTEXT_SERVICES_PASSWORD": password,
    }.items():
        click.echo(f"export {name}={shlex.quote(value)}")


def run() -> None:
    """The command; what is wrong with a command line is one sentence, too."""
    try:
        result = main(standalone_mode=False)
    except click.UsageError as error:
        if isinstance(error, getattr(click.exceptions, "NoArgsIsHelpError", ())):  # from click 8.2 on
            error.show()  # a bare `mockcs` or `mockcs schemas` gets its help
        else:
            click.echo(f"mockcs: {error.format_message()}", err=True)
        sys.exit(_WRONG)
    except click.Abort:
        sys.exit(1)
    sys.exit(result if isinstance(result, int) else 0)
