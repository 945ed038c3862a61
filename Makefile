# Every target works as the first command on a machine with make and Python >= 3.11.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# What failed while others ran beside it has a second try by itself; a real failure fails again.
AGAIN := $(BIN)/python -m pytest --last-failed --last-failed-no-failures none

.DEFAULT_GOAL := help
.PHONY: help run test check format perf bench bench-cluster crash chaos lock clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

$(STAMP): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Sureshot needs Python >= 3.11; set PYTHON=/path/to/python"; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv $(VENV)
	@echo "installing the locked dependencies (once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

run: $(STAMP) ## serve on 127.0.0.1:8080 with SQLite under data/; may deliver to this machine
	@SURESHOT_ALLOWED_NETWORKS=$${SURESHOT_ALLOWED_NETWORKS-127.0.0.0/8,::1/128} exec $(BIN)/sureshot serve

test: $(STAMP) ## run every test (15 to 20 minutes on two cores)
	@$(BIN)/python -m pytest -n 4 --dist worksteal -m "not alone" || $(AGAIN) -m "not alone"
	@$(BIN)/python -m pytest -n 3 --dist worksteal -m alone || $(AGAIN) -m alone

check: $(STAMP) ## format, lint, types, imports
	@$(BIN)/ruff format --check src tests benchmarks
	@$(BIN)/ruff check src tests benchmarks
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(STAMP) ## format the code
	@$(BIN)/ruff format src tests benchmarks
	@$(BIN)/ruff check --fix src tests benchmarks

perf: $(STAMP) ## hold the service against its targets: 10,000 webhooks a minute for 30 s, and a report
	@$(BIN)/sureshot lab run performance --set 'load.stages=[[30,170,170]]'

bench: $(STAMP) ## measure CPU per webhook, rate and latency (about five minutes, quiet machine)
	@$(BIN)/python -m benchmarks

bench-cluster: $(STAMP) ## the same with PostgreSQL and RabbitMQ, roles apart (about ten minutes)
	@$(BIN)/python -m benchmarks.cluster

chaos: $(STAMP) ## kill processes, broker and database under load; FAULTS=200
	@$(BIN)/python -m tests.cluster.chaos --faults $(or $(FAULTS),100)

crash: $(STAMP) ## kill -9 under load and count what is lost; CYCLES=1000
	@$(BIN)/python -m tests.crash.crash_cycles --cycles $(or $(CYCLES),100)

lock: $(STAMP) ## resolve the dependencies anew
	@$(BIN)/python -m pip install --quiet uv
	@$(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes --no-header --no-emit-index-url --no-emit-find-links pyproject.toml -o requirements/runtime.txt
	@$(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes --no-header --no-emit-index-url --no-emit-find-links pyproject.toml --extra lab --group dev -c requirements/runtime.txt -o requirements/dev.txt

clean: ## remove what the other targets made, except data/
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
