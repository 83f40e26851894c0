# The two commands of the README:   make demo   and   make test
# TORCH=cuda installs PyTorch with CUDA (gigabytes) instead of the CPU build.

TORCH ?= cpu
VENV  ?= .venv
DEMO  ?= .demo/library
BIN   := $(VENV)/bin
export TORCH VENV

.PHONY: demo test check format setup clean help

help:            ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

setup: $(VENV)/.ready            ## virtual environment, dependencies, poppler

$(VENV)/.ready: pyproject.toml deploy/setup.sh
	deploy/setup.sh runtime

$(VENV)/.ready-dev: $(VENV)/.ready
	deploy/setup.sh dev

demo: $(VENV)/.ready             ## digitise samples/archive into .demo/library and search it
	$(BIN)/warraq run samples/archive --library $(DEMO) --collection samples
	@echo
	$(BIN)/warraq search --library $(DEMO) --limit 5 Dyer

test: check                      ## everything that must hold: make check, then the tests
	$(BIN)/python -m pytest -m "not alone" --numprocesses auto --maxprocesses 4 --dist loadfile
	$(BIN)/python -m pytest -m alone

check: $(VENV)/.ready-dev        ## format, lint, types, import layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.ready-dev       ## rewrite the sources in the house format
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

clean:                           ## remove the virtual environment and the demo library
	rm -rf $(VENV) .demo
