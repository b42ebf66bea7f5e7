# Two commands set everything up on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
ARGS ?=
TESTS ?= tests

.PHONY: help demo test check docs docs-check bench clean

help:
	@echo "make demo         install into $(VENV) and run an archive with sample data (ARGS=--exit: check and end)"
	@echo "make test         install everything and run all checks and tests"
	@echo "make check        format, lint, types, dependencies, licences, docs (no tests)"
	@echo "make docs         write the generated pages and build the site"
	@echo "make bench        measure beside floors and peers (ARGS='--quick', '--only ingest client', '--markdown FILE')"

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
	  { echo "Filmroom needs Python 3.11, 3.12 or 3.13. Name one: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
	  { echo "Python could not make a virtual environment; on Debian and Ubuntu: apt-get install python3-venv"; exit 1; }

$(VENV)/.server: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[server]'
	@touch $@

$(VENV)/.test: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test]'
	@touch $@ $(VENV)/.server

# The OpenID Connect provider that tests log in with; without npm they are skipped, in CI they fail.
NODE_TESTS = tests/server/oidc
.PHONY: node-packages
node-packages: $(NODE_TESTS)/node_modules/.package-lock.json

$(NODE_TESTS)/node_modules/.package-lock.json: $(NODE_TESTS)/package-lock.json
	@if command -v npm >/dev/null; then cd $(NODE_TESTS) && npm ci --silent && touch node_modules/.package-lock.json; \
	  else echo "npm is missing: tests of institute logins are skipped"; fi

demo: $(VENV)/.server
	@$(BIN)/filmroom demo $(ARGS)

check: $(VENV)/.test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/deptry src
	$(BIN)/python docs/licences.py
	$(MAKE) --no-print-directory docs-check

docs-check: $(VENV)/.test
	$(BIN)/python docs/generate.py --check
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict --site-dir site

test: check node-packages
	$(BIN)/pytest -n 2 --dist loadfile $(TESTS)

docs: $(VENV)/.test
	$(BIN)/python docs/generate.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict --site-dir site

bench: $(VENV)/.test
	$(BIN)/python bench/run.py $(ARGS)

clean:
	rm -rf $(VENV) site dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
