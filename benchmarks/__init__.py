"""How fast the mock is, alone and beside its peers: `python -m benchmarks`."""
