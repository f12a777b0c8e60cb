# Two commands matter: `make demo` and `make test`. Everything lies in .venv; `make clean` removes it.
# Choose another Python (3.11 to 3.13) with PYTHON=python3.12. `python -m` throughout: the scripts that pip
# writes break in a folder with a space in its name.

SHELL := bash
PYTHON ?=
BENCH_ARGS ?=
VENV := .venv
RUN := $(VENV)/bin/python
INSTALL = @.ci/install "$(PYTHON)"

.PHONY: help demo test lint docs bench check clean
.DEFAULT_GOAL := help

help:
	@echo "make demo    run the main job on the embedded sample, into demo_output/"
	@echo "make test    set up what the tests need and run them"
	@echo "make lint    style and types"
	@echo "make docs    build the documentation, into site/"
	@echo "make bench   time it beside its peers, into bench_output/ (BENCH_ARGS=--quick: in a minute)"
	@echo "make check   all of these"
	@echo "make clean   remove everything that make made"

demo:
	$(INSTALL)
	@echo "== demo (the first run also compiles the kernels: a minute or two)"
	@$(RUN) -m prosector demo --out demo_output

test:
	$(INSTALL) test
	@.ci/debian-packages
	@.ci/run-tests $(PYTEST_ARGS)

lint:
	$(INSTALL) lint
	@echo "== ruff"
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check --quiet .
	@echo "== mypy"
	@$(RUN) -m mypy

docs:
	$(INSTALL) docs
	@echo "== docs"
	@NO_MKDOCS_2_WARNING=1 $(RUN) -m mkdocs build --strict --quiet
	@echo "Documentation: site/index.html"

bench:
	$(INSTALL) bench
	@echo "== bench"
	@$(RUN) -m prosector bench $(BENCH_ARGS) --out bench_output

check: lint test docs demo

clean:
	rm -rf $(VENV) demo_output bench_output site build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage coverage.xml
	find src tests benchmarks -name __pycache__ -prune -exec rm -rf {} +
