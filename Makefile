# Each target makes the virtual environment it needs and installs the project into it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOWEST := .lowest
STAMP := $(VENV)/.installed

.PHONY: help demo test test-slow test-beside test-again lowest check bench soak fuzz parity programs clean

help:
	@echo "make demo    watch the legacy client answer through the shim (no network, no key)"
	@echo "make test    run the test suite but for what takes long"
	@echo "make test-slow  run what takes long: many thousands, processes, browsers"
	@echo "make test-beside  run what needs the real openai 0.28.1, where that can be installed"
	@echo "make test-again  run what failed last, one after the other"
	@echo "make lowest  test what stands on requests with the lowest versions allowed (installs them into .lowest/)"
	@echo "make check   lint, format, types and the rules of the house"
	@echo "make bench   measure against peers (installs them into .bench/)"
	@echo "make soak    both providers under load and faults for ten minutes: nothing lost, nothing piling up"
	@echo "make fuzz    coverage-guided fuzzing of what reads bytes of others (SECONDS=60; installs Atheris into .bench/)"
	@echo "make parity  the same calls through the real openai 0.28.1 and through shim.compat.openai_v0"
	@echo "make programs  langchain, llm, instructor, litellm and guidance of that time, on both"

$(STAMP): setup.py
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[dev]"
	@touch $@

# Who only watches waits for no test tools.
$(VENV)/.demo: setup.py
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[native,cli,testing]"
	@touch $@

demo: $(if $(wildcard $(STAMP)),$(STAMP),$(VENV)/.demo)
	$(BIN)/shim demo
	$(BIN)/python examples/migrate

# The programs that tests start would compile every module again where Python may not keep what it compiled.
test test-slow test-beside test-again: export PYTHONDONTWRITEBYTECODE =
test: $(STAMP)
	$(BIN)/python -m pytest --numprocesses 4 --dist worksteal -m "not slow" --ignore tests/house

test-slow: $(STAMP)
	$(BIN)/python -m pytest --numprocesses 4 --dist worksteal -m slow

test-beside: $(STAMP)
	@if $(BIN)/python -m bench.v0_environment; then .bench/openai_v0_tests/bin/python -m pytest tests/compat/openai_v0/beside; fi

test-again: $(STAMP)
	$(BIN)/python -m pytest --last-failed --last-failed-no-failures none

$(LOWEST)/.installed: tests/lowest.txt
	$(PYTHON) -m venv $(LOWEST)
	$(LOWEST)/bin/python -m pip install --quiet --disable-pip-version-check --requirement tests/lowest.txt
	@touch $@

lowest: $(LOWEST)/.installed
	PYTHONPATH=. $(LOWEST)/bin/python -m pytest --numprocesses 4 --dist worksteal -p no:cacheprovider \
		tests/legacy_openai tests/legacy_adapter tests/faults/test_content_encoding.py tests/faults/test_called_a_stream.py tests/recording/tap tests/recording/test_replay_adapter.py

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest --quiet tests/house

bench: $(STAMP)
	$(BIN)/python -m bench

soak: $(STAMP)
	$(BIN)/python -m bench.soak --seconds $(or $(SECONDS),600)

fuzz: $(STAMP)
	$(BIN)/python -m tests.fuzz --seconds $(or $(SECONDS),60)

parity: $(STAMP)
	$(BIN)/python -m bench.parity_v0

programs: $(STAMP)
	$(BIN)/python -m bench.programs_v0

clean:
	rm -rf $(VENV) .bench .lowest build *.egg-info .mypy_cache .pytest_cache .ruff_cache
