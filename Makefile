# Everything a contributor runs. `make help` lists it.

PYTHON ?= python3
WORKERS ?= 3 # tests wait for processes that start, for disks and clocks, a third of their time
VERSION_WORKERS ?= 4 # SQL tests and attacks wait more
ARGS ?=
OTHER_VERSIONS := 16 15

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PROVIDER := tests/support/oidc
PROVIDER_STAMP := $(PROVIDER)/node_modules/.installed
# Files in their order: xdist would leave those with one long test for the end, and a worker without any.
PYTEST := $(BIN)/python -m pytest --dist loadfile --no-loadscope-reorder
SOON := not soak
EACH_VERSION := not soak and not one_version

# Each line of a recipe is a shell of its own: the first version that fails ends the run.
define NEWLINE


endef

.DEFAULT_GOAL := help
.PHONY: help install demo test lint format soak clean

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo '  ARGS="--people 20000 --no-serve --json" goes to the demo, ARGS="-k embedded" to the tests.'

install: $(STAMP) ## Make .venv with Cloison and what its tests need; again only when that changes
	@$(if $(MISSING),$(APT_PACKAGES),:)
	@$(MAKE) --no-print-directory $(PROVIDER_STAMP)

demo: $(STAMP) ## Database, people, doors, attacks and scoreboard, then pages to click
	@$(BIN)/cloison demo $(ARGS)

test: install lint ## Style, types, all tests but the soak; SQL and attacks on every PostgreSQL
	$(PYTEST) -m "$(SOON)" -n $(WORKERS) $(ARGS)
	$(if $(ARGS),,$(foreach major,$(OTHER_VERSIONS),$(PYTEST) -m "$(EACH_VERSION)" -n $(VERSION_WORKERS) --postgresql $(major) tests/sql tests/attacks$(NEWLINE)))

lint: $(STAMP) ## Style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP) ## Put the code in shape
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

soak: $(STAMP) ## The long proofs
	$(BIN)/python -m pytest -m soak --timeout=0 --on-disk $(ARGS)

clean: ## Remove caches and built files; .venv and cloison-data stay
	rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist
	find src tests -name __pycache__ -prune -exec rm -rf {} +

# What is installed goes to standard error: the demo's JSON is alone on standard output.
$(STAMP): pyproject.toml | $(BIN)/python
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]' >&2
	@touch $@

# The identity provider that the tests sign in at, with a Node.js that it supports.
$(PROVIDER_STAMP): $(PROVIDER)/package.json $(PROVIDER)/package-lock.json
	@{ command -v npm >/dev/null && npm ci --prefix $(PROVIDER) --ignore-scripts --no-audit --no-fund >&2 && touch $@; } \
		|| echo 'oidc-provider is missing, tests will say so: npm must be there and reach its registry' >&2

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo 'Python 3.11 or newer is needed: make install PYTHON=python3.12' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>&- || $(APT_VENV)
	@$(PYTHON) -m venv $(VENV) >&2

# Debian keeps the venv module's half in a package of its own.
define APT_VENV
{ test "$$(id -u)" = 0 && command -v apt-get >/dev/null \
	&& { apt-get update && $(APT_INSTALL) python3-venv; } >&2 \
	|| { echo 'The venv module is missing: run `apt-get install python3-venv` as root' >&2; exit 1; }; }
endef

# What the tests need of the distribution and is not there yet: the wheel has no PostgreSQL 15, whose package must not make
# and start a database; Chromium; npm, for one identity provider, and LemonLDAP::NG, the other, with what its portal loads;
# rsyslog with both of its drivers of TLS, which the audit log is forwarded to.
LEMONLDAP := liblemonldap-ng-portal-perl libgd-securityimage-perl libimage-magick-perl libio-string-perl libstring-random-perl
MISSING = $(strip $(if $(wildcard /usr/lib/postgresql/15/bin/initdb),,postgresql-15) \
	$(foreach program,chromium npm,$(if $(shell command -v $(program)),,$(program))) \
	$(if $(wildcard /usr/lib/*/rsyslog/lmnsd_ossl.so),,rsyslog rsyslog-openssl) \
	$(if $(wildcard /usr/lib/*/rsyslog/lmnsd_gtls.so),,rsyslog-gnutls) \
	$(if $(wildcard /usr/share/perl5/Lemonldap/NG/Portal/Main.pm),,$(LEMONLDAP)))
APT_INSTALL = DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends
# Where a release lacks one of them (Debian 13 has no PostgreSQL 15) the others are still installed.
define APT_PACKAGES
{ test "$$(id -u)" = 0 && command -v apt-get >/dev/null \
	&& { mkdir -p /etc/postgresql-common/createcluster.d \
		&& echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.d/cloison.conf \
		&& apt-get update && { $(APT_INSTALL) $(MISSING) || { lacking=; \
			for package in $(MISSING); do $(APT_INSTALL) $$package || lacking=1; done; test -z "$$lacking"; }; }; } >&2 \
	|| echo 'Missing, tests will say so: as root `apt-get install $(MISSING)` (PostgreSQL perhaps of apt.postgresql.org)' >&2; }
endef
