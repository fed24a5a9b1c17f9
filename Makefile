# Commands of the house. `make demo` and `make test` need nothing but this file: they set everything up first.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
export MUJOCO_GL ?= egl
# Two cores and many small kernels: threads inside a kernel cost more than they bring.
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1

.PHONY: help setup demo test check lint types fast slow format

help: ## Show this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

setup: $(STAMP) ## Build .venv with the tested versions (at once when it is there)

$(STAMP): pyproject.toml constraints.txt .ci/setup.sh
	PYTHON=$(PYTHON) .ci/setup.sh
	touch $@

demo: $(STAMP) ## Learn to pick and lift a cube from two cameras, then evaluate
	$(BIN)/robot-rl train pick-lift --run-name demo-$$(date +%Y%m%d-%H%M%S)

test: check slow ## Everything: style, types, imports, all tests

check: lint types fast ## What to run before each commit

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

fast: $(STAMP)
	$(BIN)/pytest -q -m "not slow"

slow: $(STAMP)
	$(BIN)/pytest -q -m slow --durations=10

format: $(STAMP) ## Sort imports and format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
