"""The documentation held to what is so: its examples run, its links lead somewhere, its lists are complete."""

from __future__ import annotations

import ast
import os
import re
import shutil
import socket
import subprocess
import sys
import textwrap
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path

import pytest

import mockcs
from mockcs import documented, faults, matching
from mockcs.app import create_app
from mockcs.cli import main
from mockcs.client import Client
from mockcs.settings import Settings
from tests.conftest import ROOT, Mock, serving

README = ROOT / "README.md"
ARCHITECTURE = ROOT / "ARCHITECTURE.md"
ADMIN = ROOT / "docs" / "admin.md"
PYTEST = ROOT / "docs" / "pytest.md"
CI = ROOT / "docs" / "ci.md"
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
RELEASED = "2026-11-20"
"""A timestamp of this day in the documentation stands for now."""
SHOWN = "127.0.0.1:8080"
"""Where the mock listens in the documentation."""
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and what follows it."""

    language: str
    text: str
    after: Block | None

    @property
    def report(self) -> str:
        """The output that is shown right after a Python block; empty when there is none."""
        return self.after.text if self.after and self.after.language == "text" else ""


def blocks(page: Path, language: str) -> list[Block]:
    """The page's blocks of one language, in order."""
    text = page.read_text(encoding="utf-8")
    found: list[Block] = []
    after, start = None, len(text)
    for match in reversed(list(BLOCK.finditer(text))):
        near = not text[match.end() : start].strip()
        after, start = Block(match[1], match[2], after if near else None), match.start()
        found.insert(0, after)
    return [block for block in found if block.language == language]


def named(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def environment() -> dict[str, str]:
    """A user's environment: this one's commands, a terminal of 80 columns, nothing of the test run around it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "MOCKCS_", "COV_"))}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    # A user need not have hypothesis, and its plugin takes longer to import than all the rest.
    return {**kept, "PATH": path, "COLUMNS": "80", "PYTEST_ADDOPTS": "-p no:hypothesispytest"}


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )


def needs(*commands: str) -> pytest.MarkDecorator:
    """A machine may be without these commands; mockcs itself needs none of them."""
    missing = [command for command in commands if shutil.which(command) is None]
    return pytest.mark.skipif(bool(missing), reason=f"there is no {', '.join(missing)} here")


# The Python examples

PRELUDE = """
from contextlib import suppress
from threading import Thread
from urllib.error import HTTPError

from ivr import hang_up, incoming_call
from mockcs import Client
"""
"""What a few lines that are no test of their own are preceded by."""


def examples(page: Path) -> Iterator[tuple[str, Block]]:
    """The page's Python blocks as files: a name given in the first line, a test, or lines to stand in a test."""
    for number, block in enumerate(blocks(page, "python")):
        name = re.match(r"# (\w+\.py)\n", block.text)
        if name:
            yield name[1], block
        elif "def test_" in block.text:
            yield f"test_{number}.py", block
        else:
            text = f"{PRELUDE}\n\ndef test_it(mockcs):\n{textwrap.indent(block.text, '    ')}"
            yield f"test_{number}.py", Block("python", text, None)


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")], ids=named)
def test_the_python_examples_of_a_page_do_what_it_says(page: Path, tmp_path: Path) -> None:
    found = list(examples(page))
    for name, block in found:
        if not block.report:
            (tmp_path / name).write_text(block.text, encoding="utf-8")
    passing = run(tmp_path, "pytest", "-q", "-p", "no:cacheprovider")
    assert passing.returncode == 0, passing.stdout
    for block in (block for _, block in found if block.report):
        (tmp_path / "test_ivr.py").write_text(block.text, encoding="utf-8")
        failing = run(tmp_path, "pytest", "-q", "-p", "no:cacheprovider", "test_ivr.py")
        assert failing.returncode == 1
        told = re.sub(r"127\.0\.0\.1:\d+", SHOWN, failing.stdout)
        assert block.report in told, told


def test_the_first_example_of_the_readme_is_a_whole_test() -> None:
    first = blocks(README, "python")[0].text
    assert "def test_" in first
    assert "(mockcs)" in first
    assert len(first.split("\n\n\n")[-1].splitlines()) <= 10


# The shell sessions


def session(page: Path) -> list[tuple[str, str]]:
    """The commands of the page's console blocks, each with the output that is shown."""
    found: list[tuple[str, str]] = []
    for block in blocks(page, "console"):
        parts = re.split(r"^\$ ", block.text, flags=re.MULTILINE)
        assert not parts[0].strip(), f"a console block of {page.name} must begin with a command"
        for part in parts[1:]:
            command, output = _halves(part)
            found.append((command, output))
    return found


def _halves(part: str) -> tuple[str, str]:
    lines = part.splitlines()
    end = next((n for n, line in enumerate(lines[1:], start=1) if not line.startswith("> ")), len(lines))
    command = [lines[0], *(line.removeprefix("> ") for line in lines[1:end])]
    return "\n".join(command), "\n".join(lines[end:])


def replayed(mock: Mock, folder: Path, commands: list[str]) -> list[str]:
    """What the commands print, typed into one shell one after the other."""
    script = "".join(f"{{ {command}\n}} 2>&1; printf '\\0'\n" for command in commands)
    there = mock.base_url.removeprefix("http://")
    result = run(folder, "bash", "-c", script.replace(SHOWN, there))
    return result.stdout.replace("\r\n", "\n").replace(there, SHOWN).split("\0")[:-1]


def masked(output: str) -> str:
    """An output without what differs from run to run."""
    now = datetime.now(UTC)
    for stamp in set(re.findall(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", output)):
        recent = abs((now - datetime.fromisoformat(stamp)).total_seconds()) < 600
        if recent or stamp.startswith(RELEASED):
            output = output.replace(stamp, "NOW")
    output = re.sub(r"^date: .*", "date: NOW", output, flags=re.MULTILINE)
    output = re.sub(r'("(?:duration_ms|uptime_seconds|time|wait)": ?)[\d.]+', r"\1N", output)
    output = re.sub(r'("(?:expires|touched)": ?)\d+', r"\1N", output)
    output = re.sub(r'(mockcs-version: |"version": ?"|mockcs )\d+\.\d+\.\d+', r"\1V", output)
    return re.sub(r"curl/[\d.]+", "curl/V", output).strip("\n")


def agree(wanted: str, found: str) -> bool:
    """Whether the output is the one that is shown, in which a line of three dots stands for any lines."""
    lines = [r"(?:.*\n)*?" if line.strip() == "..." else re.escape(line) + "\n" for line in wanted.splitlines()]
    return re.fullmatch("".join(lines), found + "\n" if found else "") is not None


@pytest.mark.slow
@needs("bash", "curl")
@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "console")], ids=named)
def test_the_sessions_of_a_page_print_what_it_shows(page: Path, tmp_path: Path) -> None:
    steps = session(page)
    with serving() as mock:
        outputs = replayed(mock, tmp_path, [command for command, _ in steps])
    assert len(outputs) == len(steps)
    for (command, wanted), found in zip(steps, outputs, strict=True):
        if not agree(masked(wanted), masked(found)):
            assert masked(found) == masked(wanted), command


def test_a_shown_output_that_differs_is_noticed() -> None:
    assert agree("a\n...\nb", "a\nb")
    assert agree("a\n...\nb", "a\nx\ny\nb")
    assert not agree("a\nb", "a\nx\nb")
    assert not agree("a", "x\na\nb")
    assert not agree("a\n...\nb", "a\nx")
    assert masked('{"now":"2009-05-12T12:05:12.145Z"}') == '{"now":"2009-05-12T12:05:12.145Z"}'


# The pipelines


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.mark.slow
@needs("bash", "timeout")
@pytest.mark.parametrize("number", range(len(blocks(CI, "sh"))))
def test_a_shell_block_of_the_pipelines_page_runs(number: int, tmp_path: Path) -> None:
    (tmp_path / "test_ivr.py").write_text(blocks(README, "python")[0].text, encoding="utf-8")
    script = blocks(CI, "sh")[number].text.replace("8080", str(free_port()))
    result = run(tmp_path, "bash", "-euc", script)
    assert result.returncode == 0, result.stdout
    assert "1 passed" in result.stdout


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(blocks(ADMIN, "toml"))))
def test_a_settings_file_that_is_shown_is_taken(number: int, tmp_path: Path) -> None:
    path = tmp_path / "mockcs.toml"
    path.write_text(blocks(ADMIN, "toml")[number].text, encoding="utf-8")
    with serving("--config", str(path)) as mock:
        assert mock.get("/__admin/health").status == 200


def test_every_variable_that_is_named_exists() -> None:
    known = {*variables(), "MOCKCS_CONFIG", "MOCKCS_URL"}  # mockcs env prints the last
    for page in PAGES:
        text = page.read_text(encoding="utf-8").replace("MOCKCS_<FLAG>", "")
        assert set(re.findall(r"MOCKCS_[A-Z_]+", text)) <= known, page.name


# The lists


def variables() -> Mapping[str, str]:
    """The settings that have a flag, by their variable."""
    return {
        f"MOCKCS_{each.name.upper()}": each.name.replace("_", "-")
        for each in fields(Settings)
        if each.metadata["kind"] != "table"
    }


def test_every_setting_has_its_flag_variable_and_key_in_the_table_of_settings() -> None:
    wanted = {(f"--{flag}", variable, flag) for variable, flag in variables().items()}
    text = ADMIN.read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(--[a-z-]+)[^`]*` \| `(MOCKCS_[A-Z_]+)` \| `([a-z-]+)` \|", text, re.MULTILINE)
    assert set(rows) == wanted
    tables = {f"[{each.name.replace('_', '-')}" for each in fields(Settings) if each.metadata["kind"] == "table"}
    assert {name for name in tables if name in text} == tables


def test_every_command_stands_in_the_table_of_commands() -> None:
    told = re.findall(r"^\| `mockcs ([a-z]+)` \|", section(ADMIN, "The command"), re.MULTILINE)
    assert sorted(told) == sorted(main.commands)


def test_every_route_of_the_admin_api_stands_in_its_page_and_no_other() -> None:
    rules = [rule for rule in create_app().url_map.iter_rules() if rule.rule.startswith("/__admin")]
    served = [f"{method} {rule}" for rule in rules for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}]
    wanted = [re.sub(r"<(?:[^<>:]*:)?([^<>]+)>", r"<\1>", route) for route in served]
    told = re.findall(r"^### `(\w+ /__admin\S*)`", ADMIN.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(told) == sorted(wanted)


def section(page: Path, title: str) -> str:
    """The text below a heading, up to the next one that is not below it."""
    found = re.search(
        rf"^(#+) {re.escape(title)}\n(.*?)(?=^#{{1,2}} |\Z)", page.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    assert found, f"{page.name} has no heading {title}"
    return found[2]


def members(page: Path, title: str) -> set[str]:
    """The first cells of the table below a heading."""
    cells = re.findall(r"^\| (`[^|]+`) \|", section(page, title), re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`([a-z_]+)`", cell)}


def test_the_members_of_a_match_a_fault_and_a_call_are_told() -> None:
    with mockcs.Server() as client:
        Mock(client.base_url).get("/")
        call = client.ask("GET", "/calls/1")
    assert members(ADMIN, "A match") == set(matching.MEMBERS)
    assert members(ADMIN, "A fault") == set(faults.MEMBERS)
    assert members(ADMIN, "A call") == set(call)


def test_every_member_of_the_client_is_told_with_an_example() -> None:
    known = {name for name in vars(Client) if not name.startswith("_")} | {"base_url", "space"}
    told = set(re.findall(r"^### `mockcs\.(\w+)", PYTEST.read_text(encoding="utf-8"), re.MULTILINE))
    assert told == known
    code = "\n".join(block.text for block in blocks(PYTEST, "python"))
    assert {name for name in known if f".{name}" not in code} == set()


def test_what_is_said_of_the_client_exists() -> None:
    known = {*dir(Client), *mockcs.__all__, "base_url", "space", "mark"}
    for page in PAGES:
        used = set(re.findall(r"\bmockcs\.([a-z_]+)\b(?!/)", BLOCK.sub("", page.read_text(encoding="utf-8"))))
        assert used - known - modules() == set(), page.name


def modules() -> set[str]:
    """The modules of the package."""
    return {path.stem for path in (ROOT / "mockcs").rglob("*.py")}


def sources() -> dict[str, ast.Module]:
    """The files of the package by their path in it."""
    home = ROOT / "mockcs"
    return {
        path.relative_to(home).as_posix(): ast.parse(path.read_text("utf-8")) for path in sorted(home.rglob("*.py"))
    }


def modules_table() -> str:
    """The modules: one line for each, the first sentence of its docstring."""
    lines = ["| module | what it is |", "|---|---|"]
    for name, tree in sources().items():
        if not Path(name).name.startswith("__"):
            sentence = (ast.get_docstring(tree) or "").partition("\n\n")[0].replace("\n", " ").removesuffix(".")
            lines.append(f"| `{name}` | {sentence} |")
    return "".join(f"{line}\n" for line in lines)


def test_files_and_functions_stay_short() -> None:
    found = sources()
    lines = {name: len((ROOT / "mockcs" / name).read_text("utf-8").splitlines()) for name in found}
    assert {name: count for name, count in lines.items() if count >= 300} == {}
    functions = [each for tree in found.values() for each in ast.walk(tree) if isinstance(each, ast.FunctionDef)]
    assert [each.name for each in functions if (each.end_lineno or 0) - each.lineno >= 39] == []


def test_the_layers_of_the_architecture_are_those_that_are_checked() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    layers = next(each["layers"] for each in contracts["contracts"] if each["type"] == "layers")
    text = blocks(ARCHITECTURE, "text")
    assert layers in [block.text.splitlines() for block in text]


# What is mocked


def operations_table() -> str:
    """What is mocked: one line for each operation, with the evidence of each generation."""
    found: dict[str, dict[str, str]] = {}
    for row in documented.read().operations:
        found.setdefault(row.name, {}).setdefault(row.api, f"{row.id or 'no ID'}, {row.evidence}")
    lines = ["| operation | 8.1 | 8.5 |", "|---|---|---|"]
    lines += [f"| `{name}` | {of.get('8.1', '')} | {of.get('8.5', '')} |" for name, of in found.items()]
    return "".join(f"{line}\n" for line in lines)


def test_nothing_that_is_mocked_is_called_not_mocked() -> None:
    told = set(re.findall(r"`([a-z]+(?:_[a-z]+)+)`", section(README, "What is not mocked")))
    assert told & {row.name for row in documented.read().operations} == set()


# What is written by this module

WRITTEN = {"modules": (ARCHITECTURE, modules_table), "operations": (README, operations_table)}
"""The tables in the documentation that are made from what they tell of, by the name of their marks."""


def written(name: str) -> tuple[str, int]:
    """The page with that table made anew, and how often it stands there."""
    page, table = WRITTEN[name]
    mark = rf"(?<=<!-- {name}: written by `python -m tests.test_docs` -->\n).*?(?=<!-- /{name} -->)"
    return re.subn(mark, lambda _: table(), page.read_text(encoding="utf-8"), flags=re.DOTALL)


@pytest.mark.parametrize("name", WRITTEN)
def test_what_is_written_is_what_its_sources_say(name: str) -> None:
    text = WRITTEN[name][0].read_text(encoding="utf-8")
    assert written(name) == (text, 1), "`python -m tests.test_docs` writes it anew"


# The whole


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_leads_to_a_file_and_its_heading(page: Path) -> None:
    text = BLOCK.sub("", page.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith(("http://", "https://")):
            continue
        path, _, anchor = target.partition("#")
        there = page.parent / path if path else page
        assert there.is_file(), f"{page.name} links to {target}"
        assert not anchor or anchor in anchors(there), f"{page.name} links to {target}"


def anchors(page: Path) -> set[str]:
    """The headings of a page as links name them."""
    titles = re.findall(r"^#+ (.+)$", BLOCK.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_a_page_is_wrapped_and_names_no_machine(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    prose = BLOCK.sub("", text)
    assert [line for line in prose.splitlines() if len(line) > 120 and not line.startswith("|")] == []
    assert re.findall(r"/(?:work|root|home|tmp)/\S*|\bpypi\.\S+|pythonhosted\S*", text) == []


def test_the_changelog_tells_of_this_version_below_what_is_unreleased() -> None:
    titles = re.findall(r"^## \[(.+?)\](?: - (\S+))?$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert titles[:2] == [("Unreleased", ""), (mockcs.__version__, RELEASED)]


if __name__ == "__main__":
    for each, (home, _) in WRITTEN.items():
        home.write_text(written(each)[0], encoding="utf-8")
