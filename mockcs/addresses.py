"""Where things are reached: the prefix of each generation, of a space, and of the admin API."""

from __future__ import annotations

PREFIXES = {"8.1": "", "8.5": "/genesys/1/cs"}
"""What stands before every path of a generation (Service API, 8.5.1)."""
GENERATIONS = tuple(PREFIXES)
SPACE = "/__space/"
"""What stands before the name of a space, and that before all of its paths."""
ADMIN = "/__admin"
