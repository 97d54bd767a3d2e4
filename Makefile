# run     install what is needed, then start the sandbox on PORT (8080)
# test    install what is needed, then run the quick suites, under two minutes
# check   style, types, import contracts, clinical library, the slow suites, and the coverage `test` measured
# rules   check mappings/ and knowledge/ only
# lock    write the lock files anew from pyproject.toml
#
# A machine needs python3 (3.11 or later) with its venv module, and make; nothing else.

PYTHON ?= python3
UV ?= uv
BIN := .venv/bin
SLOW := tests/browser tests/faults tests/packaging tests/postgres
QUICK := tests $(SLOW:%=--ignore=%)
COMPILE := $(UV) pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-annotate --no-header --quiet

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help run test check rules lock

help:
	@sed -n '/^#/!q; s/^# \{0,1\}//p' Makefile

run: .venv/installed-run
	PORT=$${PORT:-8080} $(BIN)/python -m sandbox

# Coverage is measured here and judged by `check`, so that `check` need not run these tests again.
test: .venv/installed-dev
	@rm -f .coverage .coverage.*
	$(BIN)/python -m pytest $(QUICK) --cov --cov-report= --cov-fail-under=0

check: .venv/installed-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	@full=$$(find cds_hooks -name __init__.py -size +0); test -z "$$full" || \
		{ echo "$$full: package __init__.py files stay empty, move the code into a module." >&2; exit 1; }
	$(BIN)/pinpoint check
	$(BIN)/python -m pytest $(wildcard $(SLOW))
	@test -f .coverage && test -z "$$(find cds_hooks -name '*.py' -newer .coverage)" || \
		{ echo "The coverage on file is missing or older than the code: run 'make test' first." >&2; exit 1; }
	$(BIN)/coverage report

rules: .venv/installed-run
	$(BIN)/pinpoint check

# Pins stay where they are unless pyproject.toml asks for more; delete the locks first to take the newest.
lock:
	@command -v $(UV) >/dev/null || { echo "make lock needs uv: install it in an environment of its own" \
		"(pip install uv), then 'make lock UV=<path to uv>'." >&2; exit 1; }
	$(COMPILE) --group build -o requirements.lock >/dev/null
	$(COMPILE) --group dev -c requirements.lock -o requirements-dev.lock >/dev/null
	@! grep -nE '://|^-' requirements.lock requirements-dev.lock

# The development set contains the run-time set, so it satisfies both stamps.
.venv/installed-dev: requirements-dev.lock pyproject.toml | .venv/bin/python
	$(call install,requirements-dev.lock)
	@touch .venv/installed-run $@

.venv/installed-run: requirements.lock pyproject.toml | .venv/bin/python
	$(call install,requirements.lock)
	@touch $@

.venv/bin/python:
	@echo "Making .venv with $$($(PYTHON) --version)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Pinpoint needs Python 3.11 or" \
		"later; name one with 'make $(MAKECMDGOALS) PYTHON=<path to python3.11>'." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "This Python cannot make a virtual environment:" \
		"its ensurepip or venv module is missing. On Debian or Ubuntu: apt install python3-venv; on other" \
		"systems install the venv package that belongs to $(PYTHON). Then run make again." >&2; exit 1; }
	@$(PYTHON) -m venv .venv

define install
@echo "Installing $(1) into .venv"
@$(BIN)/python -m pip install --quiet --require-hashes -r $(1)
@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
endef
