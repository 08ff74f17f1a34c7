# Two commands do everything: `make run` and `make test`. Python 3.11 or newer; PYTHON=… chooses one.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
  if $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then echo $$p; break; fi; done)
VENV := .venv
BIN := $(VENV)/bin
# Both databases share the cores; SQLite's tests are twice the work. tests/conftest.py says which files come first and
# which stay together.
TESTS := --dist loadfile --no-loadscope-reorder -q
# Where it is set, each of hundreds of processes would compile this project anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test on-sqlite on-postgres check types style proof bench goals screenshots translations clean

run: $(VENV)/run.stamp
	@exec $(BIN)/python manage.py serve

test: $(VENV)/test.stamp
	+@$(MAKE) --no-print-directory --jobs 4 style types on-sqlite on-postgres

on-sqlite: $(VENV)/test.stamp
	$(BIN)/pytest -n 2 $(TESTS)

on-postgres: $(VENV)/test.stamp
	$(BIN)/pytest -n 1 $(TESTS) --database postgres

proof: $(VENV)/test.stamp  # the long proofs alone, one after another: hundreds of kills, millions of points
	$(BIN)/pytest -m proof --proof
	$(BIN)/pytest -m proof --proof --database postgres

check: style types

types: $(VENV)/test.stamp
	$(BIN)/mypy

style: $(VENV)/test.stamp
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports
	$(BIN)/djlint --check --lint --quiet templates
	PORTAL_DATA_DIR=$(VENV)/check PORTAL_URL=https://portal.example $(BIN)/python manage.py check --deploy --fail-level WARNING
	PORTAL_DATA_DIR=$(VENV)/check $(BIN)/python manage.py makemigrations --check --dry-run

bench: $(VENV)/test.stamp  # measures this server beside its peers and writes docs/performance.md; OPTIONS=--help
	$(BIN)/python -m bench $(OPTIONS)

goals: $(VENV)/test.stamp  # measures the portal's pages in Chromium and writes docs/portal.md; OPTIONS=--help
	$(BIN)/python -m bench.goals $(OPTIONS)

screenshots: $(VENV)/test.stamp  # the README's pictures, made anew
	$(BIN)/python -m tests.support.screenshots

translations: $(VENV)/test.stamp  # the catalogues brought up to date; CONTRIBUTING.md says how
	$(BIN)/python -m tests.support.translations

clean:
	rm -rf $(VENV)

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "mlportal needs Python 3.11 or newer; none was found. Set PYTHON=/path/to/python."; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/run.stamp: requirements.txt | $(BIN)/python
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/test.stamp: requirements.txt requirements-dev.txt sdk/pyproject.toml | $(BIN)/python
	$(BIN)/pip install --quiet --disable-pip-version-check --no-compile -r requirements-dev.txt
	@$(BIN)/python -m compileall -qq -j 0 $(VENV)/lib || :  # on all cores; like pip, it passes over files of other Pythons
	@touch $@ $(VENV)/run.stamp
