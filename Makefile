# Thin names for commands; `make run ARGS="--suite volumes"` passes arguments on.

BIN := .venv/bin
TESTS ?= tests
export PYTHONUNBUFFERED := 1

.DEFAULT_GOAL := help
.PHONY: help setup run test lint bench

help: ## what can be made
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 8

setup: ## Debian packages, virtual environment, Go; nothing if they are there
	@scripts/setup

run: setup ## the main job: four suites on local Azure, reports/latest/
	@$(BIN)/harness run $(ARGS)

lint: setup ## format, lint, types, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy bench
	$(BIN)/lint-imports

test: setup lint ## all of the project's own tests: quick ones, those that make real machines, and the main job with the host to itself
	$(BIN)/pytest $(TESTS) -n 4 --dist worksteal -m "not root and not e2e" </dev/null
	$(BIN)/pytest $(TESTS) -n 3 --dist worksteal -m "(root or e2e) and not alone" --durations 10 </dev/null
	$(BIN)/pytest $(TESTS) -m alone </dev/null

bench: setup ## ratios against what cannot be avoided
	$(BIN)/python bench/collection.py
	$(BIN)/python bench/bring_up.py
	$(BIN)/python bench/fault_matrix.py
	$(BIN)/python bench/janitor.py
	$(BIN)/python bench/warm_run.py $(ARGS)
	$(BIN)/python bench/history.py
