# Ten verbs; everything that they need beyond a Python and a shell, they install. `make setup PYTHON=python3.12` picks another Python.

.PHONY: setup run test check bench fault docs fmt lock clean
.DEFAULT_GOAL := test

# A start of either program is two seconds of compiling without the bytecode that Python keeps beside the sources.
unexport PYTHONDONTWRITEBYTECODE

BIN := .venv/bin
WORKERS ?= 4
PACKAGES := collector receiver shared

setup:  ## .venv from the locks; does nothing when it is up to date
	@PYTHON=$(PYTHON) .ci/python

run: setup  ## the whole line on real files, to look at; ONCE=1 ends after the delivery
	@$(BIN)/python -m tests.demo.run $(if $(ONCE),--once)

check: setup  ## lint, format, types, import contracts, docs lists
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@$(BIN)/mypy & types=$$!; $(BIN)/lint-imports && $(BIN)/pytest -q tests/architecture; held=$$?; wait $$types && exit $$held

test: setup  ## check, then every other test at its CI size
	@.ci/need git openssl strace softhsm2-util dash curl
	@# Collected once beside the check, the tests are compiled: else each worker compiles all of them for itself.
	@$(BIN)/pytest -qq --collect-only >/dev/null 2>&1 & tests=$$!; $(MAKE) --no-print-directory check; held=$$?; wait $$tests; exit $$held
	$(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder --durations=10 --ignore=tests/architecture

bench: setup  ## the figures that docs/operations.md quotes
	@$(BIN)/python -m tests.bench.run

fault: setup  ## one row of the reliability tests at its long size: make fault T=R1
	@test -n "$(T)" || { echo "name the row: make fault T=R1" >&2; exit 64; }
	@$(BIN)/python -m tests.fault.run --row $(T)

docs: setup  ## do the lists in docs/ match the code?
	$(BIN)/pytest -q tests/architecture/test_docs.py

fmt: setup  ## lay out the code, mend what can be mended by itself
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

LOCK := $(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --no-emit-index-url --quiet $(if $(UPGRADE),--upgrade)

lock: setup  ## the locks anew from pyproject.toml; UPGRADE=1 takes newer versions too
	$(LOCK) --extra verify --extra pipeline --extra collector --extra receiver --extra postgres --extra redis --extra pkcs11 --output-file requirements.lock
	$(LOCK) --all-extras --constraints requirements.lock --output-file requirements-dev.lock
	@.ci/python

clean:  ## everything that can be made again
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage dist build
	find $(PACKAGES) tests -name __pycache__ -type d -prune -exec rm -rf {} +
