# Everything a contributor runs. `make help` lists it.

PYTHON ?= python3
WORKERS ?= 2
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help install demo test lint format soak clean

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo '  ARGS="--people 20000 --no-serve --json" goes to the demo, ARGS="-k embedded" to the tests.'

install: $(STAMP) ## Make .venv with Cloison and what its tests need; again only when pyproject.toml changes

demo: $(STAMP) ## Database, people, doors, attacks and scoreboard, then pages to click
	@$(BIN)/cloison demo $(ARGS)

test: lint ## Style, types and all tests but the soak
	$(BIN)/python -m pytest -n $(WORKERS) -m "not soak" $(ARGS)

lint: $(STAMP) ## Style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP) ## Put the code in shape
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

soak: $(STAMP) ## The long proofs
	$(BIN)/python -m pytest -m soak --timeout=0 $(ARGS)

clean: ## Remove caches and built files; .venv and cloison-data stay
	rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist
	find src tests -name __pycache__ -prune -exec rm -rf {} +

# What is installed goes to standard error: the demo's JSON is alone on standard output.
$(STAMP): pyproject.toml | $(BIN)/python
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]' >&2
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo 'Python 3.11 or newer is needed: make install PYTHON=python3.12' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>&- || $(APT_VENV)
	@$(PYTHON) -m venv $(VENV) >&2

# Debian keeps the venv module's half in a package of its own. Nothing else that the tests need is ever missing there.
define APT_VENV
{ test "$$(id -u)" = 0 && command -v apt-get >/dev/null \
	&& { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends python3-venv; } >&2 \
	|| { echo 'The venv module is missing: run `apt-get install python3-venv` as root' >&2; exit 1; }; }
endef
