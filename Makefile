# Each target makes the virtual environment it needs and installs the project into it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help demo test check bench clean

help:
	@echo "make demo    watch the legacy client answer through the shim (no network, no key)"
	@echo "make test    run the test suite"
	@echo "make check   lint, format and type checks"
	@echo "make bench   measure against peers (installs them into .bench/)"

$(STAMP): setup.py
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[dev]"
	@touch $@

demo: $(STAMP)
	$(BIN)/shim demo

test: $(STAMP)
	$(BIN)/python -m pytest --numprocesses 4 --dist worksteal
	@if $(BIN)/python -m bench.v0_environment; then .bench/openai_v0_tests/bin/python -m pytest tests/compat/openai_v0/beside; fi

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(STAMP)
	$(BIN)/python -m bench

clean:
	rm -rf $(VENV) .bench build *.egg-info .mypy_cache .pytest_cache .ruff_cache
