"""Flags, variables and the settings file into Settings, all of it from the settings' own fields."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import click

from mockcs.advice import is_one_edit
from mockcs.errors import MockcsError
from mockcs.settings import SERVERS, Settings, checked, names, pair_of, size_of

_KINDS = {each.name: each.metadata["kind"] for each in fields(Settings)}
_TABLES = tuple(name for name, kind in _KINDS.items() if kind == "table")


def with_settings(*wanted: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """One option for each of these settings, or for all, and --config.

    A flag goes before its variable, that before the file.
    """
    config = click.option(
        "--config",
        type=click.Path(path_type=Path, dir_okay=False),
        is_eager=True,
        expose_value=False,
        callback=_read,
        help="TOML file with these settings; a flag or variable goes before it.",
    )

    def added(command: Callable[..., Any]) -> Callable[..., Any]:
        for each in reversed(fields(Settings)):
            if each.name not in _TABLES and (not wanted or each.name in wanted):
                command = click.option(f"--{each.name.replace('_', '-')}", each.name, **_option(each))(command)
        return config(command)

    return added


def settings_of(given: dict[str, Any], context: click.Context) -> Settings:
    """The settings of a command line; MockcsError when one cannot be meant."""
    values: dict[str, Any] = {
        name: size_of(value) if _KINDS[name] == "bytes" else value for name, value in given.items()
    }
    file = context.default_map or {}
    # One reading of a flag or variable does not take back the others of the file.
    values["reading"] = dict(pair_of(text) for text in (*file.get("reading", ()), *given["reading"]))
    for name in _TABLES:
        if name in file:
            values[name] = file[name]
    return Settings(**values)


def misspelt(variables: Iterable[str]) -> Iterator[str]:
    """What to say of variables that are one letter away from that of a setting; others are somebody else's."""
    known = sorted(f"MOCKCS_{name.upper()}" for name in ("config", *names()) if name not in _TABLES)
    for variable in sorted(set(variables).difference(known)):
        near = next((each for each in known if is_one_edit(variable, each)), None)
        if near is not None:
            yield f"{variable} is no setting; did you mean {near}?"


def _option(each: Any) -> dict[str, Any]:
    kind = each.metadata["kind"]
    kinds: dict[str, dict[str, Any]] = {
        "pairs": {"multiple": True, "metavar": "ID=CHOICE"},
        "names": {"multiple": True, "metavar": "NAME"},
        "bytes": {"metavar": "SIZE"},
        "port": {"type": click.IntRange(0, 65535)},
        "count": {"type": click.IntRange(0)},
        "flag": {"is_flag": True},
        "choice": {"type": click.Choice(SERVERS)},
    }
    option = {"help": each.metadata["help"], **kinds.get(kind, {})}
    if "multiple" in option:
        return option
    default = f"{each.default // 2**20}MiB" if kind == "bytes" else each.default
    return {**option, "default": default, "show_default": default not in ("", None)}


def _read(context: click.Context, _: click.Parameter, path: Path | None) -> None:
    if path is None:
        return
    import tomllib  # noqa: PLC0415 - most servers have no file

    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise MockcsError(f"{path} cannot be read: {error}") from error
    given = {name.replace("-", "_"): value for name, value in table.items()}
    given |= {name: _listed(value) for name, value in given.items() if _KINDS.get(name) == "pairs"}
    for name, value in given.items():
        if name not in names():
            raise MockcsError(
                f"{path} has the unknown key {name}", hint=f"it may have {', '.join(names()).replace('_', '-')}"
            )
        if name in _TABLES and not isinstance(value, dict):
            raise MockcsError(f"{path}: {name} must be a table", hint=f"[{name.replace('_', '-')}]")
        kind = "names" if _KINDS[name] == "pairs" else _KINDS[name]
        if kind == "names" or not isinstance(value, str):  # a text is read as a flag's is
            checked(f"{path}: {name}", kind, value)
    context.default_map = given


def _listed(pairs: Any) -> Any:
    """Pairs as flags give them, of a table of the file or of one text; anything else as it is."""
    if isinstance(pairs, dict):
        return [f"{name}={value}" for name, value in pairs.items()]
    return [pairs] if isinstance(pairs, str) else pairs
