# run     install what is needed, then start the sandbox on PORT (8080) and say where its page is
# test    install what is needed, then run the quick suites, under two minutes
# check   style, types, import contracts, clinical library, the slow suites, and the coverage `test` measured
# test-browser  the sandbox page in chromium, which is installed from Debian's packages when root and missing
# rules   check mappings/ and knowledge/ only
# bench   CPU and time for a call beside other servers, how they grow, overload, a soak, a journal that fails: docs/speed.md
# mutants do the tests notice small faults? A sample in two minutes, or all in a night: docs/mutants.md
# lock    write the lock files anew from pyproject.toml
#
# A machine needs python3 (3.11 or later) with its venv module, and make; nothing else.

PYTHON ?= python3
UV ?= uv
BIN := .venv/bin
QUICK := tests/unit tests/golden tests/rules
SLOW := $(filter-out $(QUICK) tests/browser tests/site_example tests/__pycache__, $(patsubst %/,%,$(wildcard tests/*/)))
PARALLEL := --numprocesses=auto --dist=loadfile
MEASURED := --cov --cov-report= --cov-fail-under=0
COMPILE := $(UV) pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-strip-extras --no-annotate --no-header --quiet

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help run test test-browser browser postgres check rules bench mutants lock

help:
	@sed -n '/^#/!q; s/^# \{0,1\}//p' Makefile

run: .venv/installed-run
	PORT=$${PORT:-8080} $(BIN)/python -m sandbox

# Coverage is begun here, completed by the slow suites and judged by `check`, which does not run these again.
test: .venv/installed-dev
	@rm -f .coverage .coverage.*
	$(BIN)/python -m pytest $(QUICK) $(PARALLEL) $(MEASURED)

test-browser: .venv/installed-dev browser
	$(BIN)/python -m pytest tests/browser

browser:
	@if command -v chromium >/dev/null; then :; \
	elif test "$$(id -u)" = 0 && command -v apt-get >/dev/null; then \
		echo "Installing chromium from Debian's packages"; apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
			apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null; \
	else echo "No chromium, and only root can install it: the browser tests will be skipped."; fi

postgres:
	@if command -v postgres >/dev/null || ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1; then :; \
	elif test "$$(id -u)" = 0 && command -v apt-get >/dev/null; then \
		echo "Installing PostgreSQL from Debian's packages"; apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
			apt-get install -y -qq --no-install-recommends postgresql >/dev/null; \
	else echo "No PostgreSQL, and only root can install it: its tests will be skipped."; fi

check: .venv/installed-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	@full=$$(find cds_hooks -name __init__.py -size +0); test -z "$$full" || \
		{ echo "$$full: package __init__.py files stay empty, move the code into a module." >&2; exit 1; }
	$(BIN)/pinpoint check
	@test -f .coverage && test -z "$$(find cds_hooks -name '*.py' -newer .coverage)" || \
		{ echo "The coverage on file is missing or older than the code: run 'make test' first." >&2; exit 1; }
	$(BIN)/python -m pytest $(SLOW) $(PARALLEL) $(MEASURED) --cov-append
	$(BIN)/python -m pytest tests/browser $(MEASURED) --cov-append  # alone: what drives the browser leaves a loop running
	$(BIN)/coverage report

rules: .venv/installed-run
	$(BIN)/pinpoint check

# The framework among the peers pins what we do not, so it gets an environment of its own, or is left out.
bench: .venv/installed-dev
	@test -x bench/.venv/bin/python || $(PYTHON) -m venv bench/.venv
	@bench/.venv/bin/python -m pip install --quiet -r bench/peers/framework.txt || { rm -rf bench/.venv; \
		echo "HealthChain cannot be installed here, so it is left out of the table."; }
	$(BIN)/python -m bench
	$(BIN)/python -m bench.growth
	$(BIN)/python -m bench.overload --seconds 60
	$(BIN)/python -m bench.soak
	$(BIN)/python -m bench.journal

# With CDS_NIGHTLY=1 all faults instead of a sample: some hours.
mutants: .venv/installed-dev
	$(BIN)/python -m tests.mutants

# Pins stay where they are unless pyproject.toml asks for more; delete the locks first to take the newest.
lock:
	@command -v $(UV) >/dev/null || { echo "make lock needs uv: install it in an environment of its own" \
		"(pip install uv), then 'make lock UV=<path to uv>'." >&2; exit 1; }
	$(COMPILE) --group build --group sandbox -o requirements.lock >/dev/null
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
