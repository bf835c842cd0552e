# Every target does its own set-up in .venv; `make help` lists them.
SHELL := /bin/sh
.DEFAULT_GOAL := help

# The first interpreter that is Python 3.11 to 3.13; say `make PYTHON=…` to choose another.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys; sys.exit(not (3,11) <= sys.version_info[:2] <= (3,13))' 2>/dev/null \
	&& { echo $$p; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
CONFIG ?= config.toml

.PHONY: help setup setup-dev demo run check bench test test-slow test-gradio soak lint format types clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.ready ## build .venv with everything the bot needs
setup-dev: $(VENV)/.ready-dev ## the same, with the tools for tests and lint

demo: $(VENV)/.ready ## try Easel in the browser: no account, GPU or download needed
	$(BIN)/easel demo $(ARGS)

run: $(VENV)/.ready ## run the bot with config.toml (CONFIG=… for another file)
	$(BIN)/easel run --config $(CONFIG)

check: $(VENV)/.ready ## look for mistakes in config.toml and test what it names
	$(BIN)/easel check --config $(CONFIG)

bench: $(VENV)/.ready ## measure how fast Easel is on this machine
	$(BIN)/easel bench $(ARGS)

test: $(VENV)/.ready-dev ## run the tests
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile $(ARGS)

test-slow: $(VENV)/.ready-dev ## run the tests that take minutes
	$(BIN)/python -m pytest -m slow --timeout 1800 $(ARGS)

soak: $(VENV)/.ready-dev ## a thousand members for ten minutes, with faults; then every promise is checked
	$(BIN)/python -m tests.soak $(ARGS)

test-gradio: $(VENV)/.ready-dev ## try real Gradio of nine versions, installed into .venv-gradio
	$(BIN)/python -m pytest -m gradio --timeout 1800 $(ARGS)

lint: $(VENV)/.ready-dev ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(VENV)/.ready-dev ## ruff: mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(VENV)/.ready-dev ## mypy, strict
	$(BIN)/mypy

clean: ## remove .venv and caches
	rm -rf $(VENV) .venv-gradio .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist *.egg-info

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Easel needs Python 3.11, 3.12 or 3.13. Install one, or say make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt setuptools

$(VENV)/.ready: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.ready-dev: $(VENV)/.ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@
