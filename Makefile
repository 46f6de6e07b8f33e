# make demo: environment, install, the whole pipeline on the embedded movie.   make test: every check.
# make cases: which tiny scenes pass.   make accuracy: record what the embedded networks reach.
# make docs: the documentation, into site/.   make readme, make pictures: what the README shows, from demo/.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test types pytest cases accuracy docs readme pictures format clean

demo: .venv/installed
	$(BIN)/temtrack demo -o demo --force

test: .venv/installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(MAKE) --no-print-directory -j 2 types pytest

types: .venv/installed
	$(BIN)/mypy

pytest: .venv/installed
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist worksteal

cases: .venv/installed
	PYTHONPATH=tests $(BIN)/python benchmarks/case_bank.py

accuracy: .venv/installed
	PYTHONPATH=tests $(BIN)/python benchmarks/accuracy_gate.py --record

docs: .venv/installed
	$(BIN)/mkdocs build --strict

readme: demo
	cd $$(mktemp -d) && ln -s $(CURDIR)/demo demo && $(CURDIR)/$(BIN)/python $(CURDIR)/docs/readme.py

pictures: demo
	$(BIN)/python docs/make_pictures.py demo

format: .venv/installed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.venv/installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --no-compile --disable-pip-version-check -e '.[dev]'
	$(BIN)/python -m compileall -q -j 0 .venv/lib >/dev/null || true  # as pip would, but on all cores
	touch $@

clean:
	rm -rf .venv demo build dist site .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
