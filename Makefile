# make demo: environment, install, the whole pipeline on the embedded movie.   make test: every check.
# make cases: which tiny scenes pass.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test cases format clean

demo: .venv/installed
	$(BIN)/temtrack demo -o demo --force

test: .venv/installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist worksteal

cases: .venv/installed
	PYTHONPATH=tests $(BIN)/python benchmarks/case_bank.py

format: .venv/installed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.venv/installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@

clean:
	rm -rf .venv demo build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
