"""The peers' packages: which version of each, and how it comes into the cache."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

PINS = {
    "mountebank": ("npm", "2.9.1"),
    "@stoplight/prism-cli": ("npm", "5.16.0"),
    "wiremock": ("npm", "3.13.2"),
    "mockserver-node": ("npm", "8.0.0"),
    "pytest-httpserver": ("pip", "1.2.0"),
    "moto[server]": ("pip", "5.2.5"),
}
"""Package -> its manager and its version; what it depends on is what its manager finds."""
_SECONDS = 600


class NotInstalledError(Exception):
    """A peer cannot be had on this machine; the message says why, in a few words."""


def version_of(package: str) -> str:
    """The version that is measured."""
    return PINS[package][1]


def needed(*commands: str) -> None:
    """NotInstalledError when one of the commands is not on this machine."""
    for command in commands:
        if shutil.which(command) is None:
            raise NotInstalledError(f"there is no {command} here")


def installed(package: str, cache: Path) -> Path:
    """The folder into which the package is installed, once; NotInstalledError when it cannot be."""
    manager, version = PINS[package]
    folder = cache / f"{re.sub(r'[^a-z]+', '-', package).strip('-')}-{version}"
    complete = folder / ".complete"
    if not complete.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        if manager == "npm":
            _npm(package, version, folder)
        else:
            _pip(package, version, folder)
        complete.touch()
    return folder


def _npm(package: str, version: str, folder: Path) -> None:
    needed("npm", "node")
    # A package's own script could bring what no registry has; without it, all is what the registry holds.
    options = ["--ignore-scripts", "--no-audit", "--no-fund", "--silent", "--prefix", str(folder)]
    _carried_out(["npm", "install", *options, f"{package}@{version}"])


def _pip(package: str, version: str, folder: Path) -> None:
    _carried_out([sys.executable, "-m", "venv", str(folder)])
    pip = [str(folder / "bin" / "python"), "-m", "pip", "--quiet", "--disable-pip-version-check"]
    _carried_out([*pip, "install", f"{package}=={version}"])


def _carried_out(command: list[str]) -> None:
    try:
        subprocess.run(command, check=True, stdout=sys.stderr, timeout=_SECONDS)
    except (OSError, subprocess.SubprocessError) as error:
        code = getattr(error, "returncode", None)
        raise NotInstalledError(f"not installable here: {Path(command[0]).name} ended with {code}") from error
