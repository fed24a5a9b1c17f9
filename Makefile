# Development commands. `make demo` and `make test` set everything up first.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
export MUJOCO_GL ?= egl
# Two cores and many small kernels: threads inside a kernel cost more than they gain.
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1
# Arguments of pytest-xdist: two tests at a time. Empty: one by one.
export PARALLEL ?= -n 2 --dist worksteal
unexport PYTHONDONTWRITEBYTECODE # tests start hundreds of processes: each would compile every module again

.PHONY: help setup demo results test check commit lint types security audit audit-reached fast slow fuzz firmware qemu ros docs docs-serve format

VARIANTS := no-human no-demos neither trainable-encoder state-only varied

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: $(STAMP) ## Build .venv with the tested versions (no-op if it exists)

$(STAMP): pyproject.toml constraints.txt .ci/setup.sh
	PYTHON=$(PYTHON) .ci/setup.sh
	touch $@

demo: $(STAMP) ## Learn to pick and lift a cube from two cameras, then evaluate
	$(BIN)/robot-rl train pick-lift --run-name demo-$$(date +%Y%m%d-%H%M%S)

results: $(STAMP) ## Repeat the trainings of docs/results.md, one after the other (hours)
	for task in pick-lift peg-insert; do \
	  for seed in 0 1 2; do $(BIN)/robot-rl train $$task --seed $$seed --run-name results-$$task-$$seed; done; \
	  for variant in $(VARIANTS); do \
	    $(BIN)/robot-rl train $$task-$$variant --run-name results-$$task-$$variant; done; \
	  $(BIN)/robot-rl clone runs/results-$$task-0; \
	  $(BIN)/robot-rl evaluate runs/results-$$task-0 --who expert; \
	done
	$(BIN)/robot-rl compare runs/results-* --png runs/results.png

test: commit firmware slow qemu ros ## Run everything: style, types, imports, firmware, all tests

check: commit audit-reached ## Run what each commit must pass, and look pinned packages up for vulnerabilities

commit: lint types security fast # without the database of vulnerabilities, which changes while a commit does not

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

security: $(STAMP) ## Look for weaknesses in the code (bandit; pyproject.toml says what is left out, and why)
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive robot_rl controllers launch

audit: ## Look for known vulnerabilities of the pinned packages; fails where one was not looked up
	$(PYTHON) .ci/audit.py

audit-reached: # the same, without a network NOT AUDITED is printed and nothing fails
	@$(PYTHON) .ci/audit.py --reached-only

fast: $(STAMP)
	.ci/tests.sh -m "not slow and not qemu and not ros" $(PARALLEL)

slow: $(STAMP)
	.ci/tests.sh -m "slow and not qemu and not ros" $(PARALLEL)

fuzz: $(STAMP) ## Run a million changed inputs for each decoder of untrusted bytes (INPUTS=N for another number)
	$(BIN)/python -m tests.fuzzing --inputs $(or $(INPUTS),1000000)

firmware: ## Build and test the pendant's firmware (installs its tools)
	.ci/setup.sh firmware
	$(MAKE) -C firmware

qemu: $(STAMP) ## Run the firmware under QEMU against the Python driver
	.ci/setup.sh firmware
	$(MAKE) -C firmware host arm
	.ci/tests.sh -m qemu

ros: $(STAMP) ## Run the nodes and launch files under ROS 2, where it is sourced or below /opt/ros
	.ci/ros.sh

docs: $(STAMP) ## Build the documentation's site: site/index.html
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

docs-serve: $(STAMP) ## Show the site while it is written
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs serve

format: $(STAMP) ## Sort imports and format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
