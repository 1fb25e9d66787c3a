# The two commands that matter: make run, make test.
PYTHON ?= python3
PORT ?= 8000
JOBS ?= $(shell $(PYTHON) -c "import os; print(min(4, os.cpu_count() or 1))")
VENV := .venv
BIN := $(VENV)/bin
UV_VERSION := 0.13.9
SETUP := tools/setup.sh

.DEFAULT_GOAL := help
.PHONY: help setup run test fuzz mutants check fmt bench docs lock bill migration

help: ## Say what there is
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(VENV)/.runtime: requirements.lock pyproject.toml $(SETUP)
	@PYTHON=$(PYTHON) UV_VERSION=$(UV_VERSION) $(SETUP) $(VENV) requirements.lock && touch $@

$(VENV)/.dev: requirements-dev.lock pyproject.toml $(SETUP)
	@PYTHON=$(PYTHON) UV_VERSION=$(UV_VERSION) $(SETUP) $(VENV) requirements-dev.lock && touch $@ $(VENV)/.runtime

setup: $(VENV)/.runtime ## Make .venv with the locked libraries

run: setup ## Serve on 127.0.0.1:$PORT, with a demo clinic the first time
	@[ -e "$${VAR_DIR:-var}/appointed.sqlite3" ] || $(BIN)/appointed demo --if-empty
	@echo "Appointed is at http://127.0.0.1:$(PORT), its API pages at /docs and /redoc. Ctrl-C stops it."
	@$(BIN)/appointed serve --port $(PORT)

test: $(VENV)/.dev ## Run the tests on every database that is found, on JOBS cores
	$(BIN)/python -m pytest -n $(JOBS) --dist loadgroup

fuzz: $(VENV)/.dev ## Long random runs against the oracle and the plain model: make fuzz [FUZZ_SEED=…]
	FUZZ_SCHEDULES=$${FUZZ_SCHEDULES:-200000} FUZZ_RUNS=$${FUZZ_RUNS:-500} FUZZ_SEED=$${FUZZ_SEED:-$$(date +%s)} \
		$(BIN)/python -m pytest -q tests/availability/test_random_schedules.py tests/appointments/test_state_machine.py

mutants: $(VENV)/.dev ## Break the rules and the services on purpose: every break must be noticed
	$(BIN)/python tools/mutants.py rules
	$(BIN)/python tools/mutants.py services

check: $(VENV)/.dev ## Lint, types, imports, locks
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/check_locks.py

fmt: $(VENV)/.dev ## Format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.dev ## Measure, as a ratio against bare handlers
	$(BIN)/python -m bench.run

docs: $(VENV)/.dev ## Draw docs/*.png (needs plantuml and graphviz)
	$(BIN)/python docs/schema.py
	PLANTUML_LIMIT_SIZE=16384 plantuml -tpng docs/*.puml

lock: $(VENV)/.dev ## Write the lock files anew from pyproject.toml
	PYTHON=$(PYTHON) UV_VERSION=$(UV_VERSION) tools/lock.sh

bill: $(VENV)/.dev ## Print what an installed copy is made of (CycloneDX): make bill > bill.json
	@$(BIN)/python tools/bill_of_materials.py

migration: $(VENV)/.dev ## Draft the next migration: make migration m="add rooms"
	$(BIN)/python tools/draft_migration.py "$(m)"
