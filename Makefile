# Every command of the project. Each one sets up what it needs first; `make` alone lists them.
PYTHON ?= python3
BIN := .venv/bin
RUN := PYTHONPATH=deploy $(BIN)/python
PACKAGES := libs/common libs/cli services/members services/points services/notify services/analytics
SETUP := .venv/.set-up
ROOMS := common contracts members points notify analytics system faults deploy cli
# Two processes share the servers of one test session; more gain little, for the servers need cores too.
WORKERS ?= 2
TEST := $(BIN)/python -m pytest -q -n $(WORKERS) --dist loadscope --durations 10 --durations-min 5

.DEFAULT_GOAL := help
.PHONY: help setup up down status demo test check lint bench faults trace clean lock $(ROOMS:%=test-%)

help:
	@echo "make <command>"
	@grep -hE '^[a-z-]+(-<[a-z]+>)?:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([^:]*):.*## /\1|/' | awk -F'|' '{printf "  %-14s %s\n", $$1, $$2}'
	@printf '  %-14s %s\n' 'test-<room>' 'the tests of one room: $(ROOMS)'

up: $(SETUP) ## start the stack: servers, migrations, four services (Docker where it answers, else native)
	@$(RUN) -m stack up

down: $(SETUP) ## stop everything that `up` started; data are kept
	@$(RUN) -m stack down

status: $(SETUP) ## what runs, and where
	@$(RUN) -m stack status

demo: up ## real purchases through all services, checked against published figures (DATASET=full for all)
	@$(BIN)/loyalty demo

test: $(SETUP) ## all tests, on servers of their own
	@$(TEST) -m "not slow"

$(ROOMS:%=test-%): test-%: $(SETUP)
	@$(BIN)/python -m pytest tests/$*

check: $(SETUP) ## style, types, who may import whom, event contracts; changes nothing
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy tests bench
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/contracts

lint: $(SETUP) ## put the style right
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(SETUP) ## how fast, beside other ways of doing it; bench/results/latest.json
	@$(RUN) -m bench

faults: $(SETUP) ## kill, cut and break things, the slow ones too; nothing may be lost
	@$(TEST) tests/faults tests/system tests/common/messaging/test_relay.py

trace: $(SETUP) ## make trace PURCHASE=<order id>: one purchase through all services
	@$(BIN)/loyalty trace $(PURCHASE)

clean: ## stop everything, delete its data and what set-up made
	@if [ -x $(BIN)/python ]; then $(RUN) -m stack clean; fi
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

lock: $(SETUP) ## choose library versions anew: requirements.lock and one for each image (UPGRADE=1 takes the newest)
	@$(BIN)/python deploy/lock.py $(if $(UPGRADE),--upgrade)

setup: $(SETUP)

$(SETUP): requirements.lock $(PACKAGES:%=%/pyproject.toml)
	@echo "Setting up Python in .venv (about a minute the first time)"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-build-isolation --no-deps $(PACKAGES:%=-e %)
	@touch $(SETUP)
