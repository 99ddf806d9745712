# make serve · make test · make check · make regen · make bench · make bench-peers
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: serve test check regen bench bench-peers clean
serve: $(READY)
	@exec $(BIN)/mockcs serve $(ARGS)

test: $(READY)
	$(BIN)/python -m pytest -n auto --dist worksteal $(ARGS)

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/mockcs schemas check

regen: $(READY)
	$(BIN)/mockcs schemas build
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix-only --silent .

bench: $(READY)
	@$(BIN)/python -m benchmarks $(ARGS)

bench-peers: $(READY)
	@$(BIN)/python -m benchmarks --peers $(ARGS)

clean:
	rm -rf $(VENV) .bench dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis

# The environment is made anew only when what it is made from changes.
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "mockcs needs Python 3.11 or later; name one with PYTHON=python3.11"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@
