# The targets that people and CI share. 'make demo' and 'make test' are all the set-up there is:
# the first of them makes .venv and installs this checkout into it, later ones only when pyproject.toml changed.
#
#   make demo     build the flights example: twice, then with a changed threshold, and explain it
#   make test     run the tests
#   make lint     ruff, mypy and the layer contract
#   make check    lint and test: everything that CI runs
#   make bench    measure side by side with other tools: minutes; an hour with BENCH=full
#   make bench-report   write docs/benchmarks.md from what was measured
#   make bench-parts    measure single parts: hashing, fingerprints, building, watching
#   make format   put the code into the one format
#   make clean    remove what the targets made, .venv included

PYTHON ?= python3
PYTEST_ARGS ?= -n 2

BENCH ?= quick
PARTS ?= $(filter-out %/bench.py %/plot.py %/report.py %_soak.py, $(wildcard benchmarks/*.py))

BIN := .venv/bin
INSTALLED := .venv/.installed

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint check bench bench-report bench-parts format clean

help:
	@sed -n 's/^#   //p' Makefile

setup: $(INSTALLED)

# uv resolves in seconds what pip takes minutes for; pip steps in where uv, or an index uv can read, cannot be had.
# Compiled bytecode at install time: otherwise the first command after it pays seconds for imports.
$(INSTALLED): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "assetbuild needs Python 3.11 or newer; say which: make PYTHON=/path/to/python3.11")'
	@test -x $(BIN)/pip || $(PYTHON) -m venv .venv
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv || echo "uv cannot be had; pip takes longer"
	UV_COMPILE_BYTECODE=1 $(BIN)/uv pip install --quiet --python $(BIN)/python --editable '.[dev]' \
		|| $(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: $(INSTALLED)
	$(BIN)/python examples/flights/demo.py

test: $(INSTALLED)
	$(BIN)/python -m pytest $(PYTEST_ARGS)

lint: $(INSTALLED)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint test

bench: $(INSTALLED)
	$(BIN)/python -m benchmarks.bench --profile $(BENCH)

bench-report: $(INSTALLED)
	$(BIN)/python -m benchmarks.report

bench-parts: $(INSTALLED)
	@for script in $(PARTS); do echo "== $$script" && $(BIN)/python "$$script" || exit 1; done

format: $(INSTALLED)
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

clean:
	rm -rf .venv dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
