"""The command `mockcs`, also as `python -m mockcs`."""

from __future__ import annotations

import os
import signal
import sys


def run() -> None:
    """Run the command line."""
    if sys.argv[1:2] == ["serve"]:
        # Process 1 of a container gets no signal for which it has no handler, and the imports take a moment.
        for number in (signal.SIGINT, signal.SIGTERM):
            # Nothing to tidy up yet, and SystemExit would be swallowed where Python cannot raise it.
            signal.signal(number, lambda *_: os._exit(0))
    from mockcs.cli import run as command  # noqa: PLC0415 - see above

    command()


if __name__ == "__main__":
    run()
