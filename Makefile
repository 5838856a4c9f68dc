# Everything a person or CI runs. `make demo` and `make test` set up what they need.
.DEFAULT_GOAL := help
.PHONY: help setup demo ui test test-gnuhealth test-superset check bench mutation reference docs pictures format clean

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/pip --disable-pip-version-check --quiet
DEMO := .pacekeeper/demo

help:  ## what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

# The stamps say which lock the environment was made from; a changed lock makes it anew.
.venv/runtime.stamp: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' || { echo "Pacekeeper needs Python 3.11 or 3.12; say which: make PYTHON=python3.11 ..."; exit 1; }
	@echo "setting up .venv"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(PIP) install --no-deps --require-hashes --requirement requirements.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

.venv/dev.stamp: requirements-dev.lock .venv/runtime.stamp
	@echo "adding the development tools"
	@$(PIP) install --no-deps --require-hashes --requirement requirements-dev.lock
	@touch $@

setup: .venv/dev.stamp  ## make .venv with everything, development tools included

demo: .venv/runtime.stamp  ## pull a synthetic practice through the real connectors and show what was found
	@$(BIN)/pacekeeper demo --folder $(DEMO) $(ARGS)

ui: .venv/runtime.stamp  ## open Dagster's page on the demo practice
	@test -f $(DEMO)/pacekeeper.toml || { echo "run make demo first"; exit 1; }
	@PACEKEEPER_CONFIG=$(CURDIR)/$(DEMO)/pacekeeper.toml DAGSTER_HOME=$(CURDIR)/$(DEMO)/data/dagster $(BIN)/dagster dev -w workspace.yaml

test: .venv/dev.stamp  ## run the tests
	@$(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder -m "not bench" $(ARGS)
	@$(BIN)/pytest -n auto --dist loadfile plugins/pacekeeper-openemr/tests plugins/pacekeeper-gnuhealth/tests

test-gnuhealth: .venv/dev.stamp  ## install a real GNU Health, write to it, read it (needs PostgreSQL's server; minutes)
	@$(BIN)/pytest -s -rs plugins/pacekeeper-gnuhealth/integration $(ARGS)

test-superset: .venv/dev.stamp  ## the dashboards in a real Superset, in an environment of its own
	@test -x .venv-superset/bin/superset || ($(PYTHON) -m venv .venv-superset && .venv-superset/bin/pip install --quiet --require-hashes -r deploy/superset-requirements.lock)
	@PACEKEEPER_SUPERSET=$(CURDIR)/.venv-superset $(BIN)/pytest -n 0 tests/integration/test_superset.py

check: .venv/dev.stamp  ## lint, types, architecture, generated pages, definitions
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@MYPYPATH=plugins/pacekeeper-openemr/src:plugins/pacekeeper-openemr/tests $(BIN)/mypy $$(find plugins/pacekeeper-openemr -name '*.py')
	@MYPYPATH=plugins/pacekeeper-gnuhealth/src:plugins/pacekeeper-gnuhealth/tests:plugins/pacekeeper-gnuhealth/integration $(BIN)/mypy $$(find plugins/pacekeeper-gnuhealth -name '*.py')
	@$(BIN)/lint-imports
	@$(BIN)/python -m pacekeeper_app.reference --check
	@$(BIN)/pip check
	@DAGSTER_DISABLE_TELEMETRY=1 $(BIN)/dagster definitions validate -w workspace.yaml

bench: .venv/dev.stamp  ## measure ratios against references in the same run
	@$(BIN)/python tests/bench/bench_landing.py
	@$(BIN)/python tests/bench/bench_x12.py
	@$(BIN)/python tests/bench/bench_hl7v2.py
	@$(BIN)/python tests/bench/bench_marts.py
	@$(BIN)/python -m tests.bench.bench_night

mutation: .venv/dev.stamp  ## break each measure and see that the tests which claim to prove it fail
	@$(BIN)/python -m tests.mutation

reference: .venv/dev.stamp  ## write the generated reference pages anew
	@$(BIN)/python -m pacekeeper_app.reference

docs: .venv/dev.stamp  ## build the documentation site into build/docs; stale pages and dead links fail
	@$(BIN)/python -m pacekeeper_app.reference --check
	@$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going -c docs . build/docs
	@echo "build/docs/docs/index.html"

pictures: .venv/dev.stamp  ## make the documentation's pictures anew (needs Graphviz, Chromium, and the demo)
	@$(BIN)/python -m pacekeeper_app.architecture
	@$(BIN)/pacekeeper report --config $(DEMO)/pacekeeper.toml
	@$(BIN)/python -m tests.report_pictures $(DEMO)/reports
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m tests.dagster_pictures $(DEMO)/pacekeeper.toml

format: .venv/dev.stamp  ## format the code
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

lock:  ## resolve the locks anew (needs uv)
	uv pip compile pyproject.toml --extra build --generate-hashes --no-header --no-emit-index-url --no-annotate -p 3.11 -o requirements.lock
	uv pip compile pyproject.toml --extra build --extra service -c requirements.lock --generate-hashes --no-header --no-emit-index-url --no-annotate -p 3.11 -o requirements-service.lock
	uv pip compile pyproject.toml --extra dev -c requirements.lock -c requirements-service.lock --generate-hashes --no-header --no-emit-index-url --no-annotate -p 3.11 -o requirements-dev.lock
	uv pip compile deploy/superset-requirements.in --generate-hashes --no-header --no-emit-index-url --no-annotate -p 3.11 -o deploy/superset-requirements.lock

clean:  ## remove the environment and the demo
	@rm -rf .venv .pacekeeper .mypy_cache .ruff_cache .pytest_cache
