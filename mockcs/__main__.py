"""`python -m mockcs` is the `mockcs` command."""

from mockcs.cli import run

run()
