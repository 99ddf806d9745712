"""The command `mockcs`, also as `python -m mockcs`."""

from __future__ import annotations

import signal
import sys


def run() -> None:
    """Run the command line."""
    if sys.argv[1:2] == ["serve"]:
        # Process 1 of a container gets no signal for which it has no handler, and the imports take a moment.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: sys.exit(0))
    from mockcs.cli import run as command  # noqa: PLC0415 - see above

    command()


if __name__ == "__main__":
    run()
