"""What the figures were measured on, in one line that names no one."""

from __future__ import annotations

import os
import platform
import re
from importlib.metadata import version
from pathlib import Path


def described() -> str:
    """Processor, cores, memory, system and the versions that matter."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    parts = [_processor(), f"{os.cpu_count()} cores", f"{memory:.0f} GiB", platform.system()]
    parts.append(f"Python {platform.python_version()}")
    return ", ".join([*parts, *(f"{name} {version(name)}" for name in ("mockcs", "granian", "jsonschema-rs"))])


def busy_seconds() -> float:
    """What all processes have computed so far, and what other machines on the same processors took from this one."""
    # user, nice, system, idle, iowait, irq, softirq, steal (proc(5)); interrupts are nobody's
    ticks = [int(each) for each in Path("/proc/stat").read_text(encoding="utf-8").split(maxsplit=9)[1:9]]
    return (sum(ticks[:3]) + ticks[7]) / os.sysconf("SC_CLK_TCK")


def _processor() -> str:
    try:
        told = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        told = ""
    found = re.search(r"^model name\s*:\s*(.+)$", told, re.MULTILINE)
    return found[1] if found else platform.machine()
