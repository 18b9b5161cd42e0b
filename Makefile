# Python 3.11 or newer and make are all that is needed; uv is used where there is one.
# `make help` lists the targets.

VENV ?= .venv
BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null)
export UV_PYTHON_DOWNLOADS := never
export UV_SYSTEM_CERTS := true

# The first Python that is new enough and can make environments.
PROBE := import ensurepip, sys; sys.version_info >= (3, 11) and print(sys.executable)
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	found=$$("$$python" -c '$(PROBE)' 2>/dev/null); \
	test -z "$$found" || { echo "$$found"; break; }; done)

# pyenv shows its interpreters only to those who name them.
PYENV_VERSIONS = $(shell command -v pyenv >/dev/null 2>&1 && \
	pyenv versions --bare | grep -E '^3\.1[1-9]\.[0-9]+$$' | paste -sd: -)

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow coverage test-postgres test-mariadb test-laws test-engines test-browser
.PHONY: test-oscar test-chaos test-schema test-hostile conformance lint format schema messages docs bench matrix constraints clean
.DELETE_ON_ERROR:

help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/demo.installed ## Run the demo shop: API, admin and worker. PORT=8000.
	@$(BIN)/python -m project.demo

test: $(VENV)/test.installed ## Run the test suite on SQLite: three minutes on two cores.
	$(BIN)/pytest --numprocesses auto $(ARGS)

test-slow: $(VENV)/test.installed ## Run what takes long: real processes, and tables of every case.
	$(BIN)/pytest --numprocesses auto -m 'processes or exhaustive' $(ARGS)
	$(BIN)/pytest --numprocesses auto -m 'hypothesis and not processes and not exhaustive' \
		--hypothesis-profile thorough --ignore tests/laws $(ARGS)

coverage: $(VENV)/test.installed ## Run the test suite on SQLite and measure what it covers.
	$(BIN)/pytest --numprocesses auto --cov --cov-report term $(ARGS)

test-postgres: $(VENV)/dev.installed ## Run the test suite on the PostgreSQL of 127.0.0.1:5432.
	DATABASE=postgresql $(BIN)/pytest --numprocesses auto $(ARGS)

test-mariadb: $(VENV)/mariadb.installed ## Run the test suite on the MariaDB of 127.0.0.1:3306.
	DATABASE=mariadb $(BIN)/pytest --numprocesses auto $(ARGS)

test-engines: $(VENV)/engines.installed ## Try each engine with its broker: RabbitMQ, Redis and PostgreSQL of 127.0.0.1.
	$(BIN)/python -m pytest tests/engines --numprocesses 2 $(ARGS)

test-browser: $(VENV)/browser.installed ## Open the pages of the admin in Chromium (/usr/bin/chromium, or CHROMIUM=path).
	$(if $(CI),SCREENSHOTS=build/screenshots) $(BIN)/python -m pytest tests/browser --numprocesses 2 $(ARGS)

test-oscar: $(VENV)/oscar.installed ## Run a shop with django-oscar, and its forks, on the database that DATABASE names.
	$(BIN)/python -m tests.oscar_shop $(ARGS)

test-chaos: $(VENV)/chaos.installed ## Kill what belongs to a shop, on each database: nothing is lost or doubled. ARGS='--seed 1'.
	@$(BIN)/python -m tests.chaos $(ARGS)

test-schema: $(VENV)/schema.installed ## Let schemathesis ask a real server all that docs/openapi.json says.
	@$(BIN)/python -m tests.fuzzing $(ARGS)

test-hostile: $(VENV)/test.installed ## Send 10,000 hostile requests to a real server, on the database that DATABASE names. ARGS='--seed 1'.
	@$(BIN)/python -m tests.hostile $(ARGS)

test-laws: $(VENV)/test.installed ## Check the laws of money for 10,000 random orders, on the database that DATABASE names.
	$(BIN)/pytest tests/laws --hypothesis-profile laws --numprocesses auto $(ARGS)

conformance: $(VENV)/conformance.installed ## Let Commerce Layer's SDK try a real server out (needs node and npm).
	@$(BIN)/python -m tests.conformance $(ARGS)

lint: $(VENV)/dev.installed ## Check style, types, imports and migrations.
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python manage.py makemigrations --check --dry-run

format: $(VENV)/dev.installed ## Put the code in order.
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

schema: $(VENV)/dev.installed ## Write docs/openapi.json anew, out of the declarations.
	$(BIN)/python manage.py order_copies_schema docs/openapi.json

messages: $(VENV)/dev.installed ## Bring the catalogues of translations up to date, and compile them.
	@$(BIN)/python -m tests.messages

docs: $(VENV)/docs.installed ## Build the documentation: docs/_build/html/index.html. Warnings are errors.
	$(BIN)/sphinx-build -W --keep-going --builder html docs docs/_build/html $(ARGS)

bench: $(VENV)/dev.installed $(VENV)/oscar.installed ## Measure the worker against raw SQL and django-oscar, and the API against documents by hand.
	$(BIN)/python -m benchmarks $(ARGS)

matrix: $(VENV)/dev.installed ## Run the suite on every supported Django and Python, and on the oldest packages.
	$(if $(PYENV_VERSIONS),PYENV_VERSION=$(PYENV_VERSIONS)) $(BIN)/nox $(ARGS)

UV_COMPILE := uv pip compile --quiet --upgrade --no-header --no-annotate --no-emit-index-url --no-emit-find-links

constraints: ## Pin the newest releases of everything, and the oldest that the suite must pass with (needs uv).
	$(UV_COMPILE) --universal --python-version 3.11 --group dev \
		--group docs --group schema --group conformance --group engines --group chaos --group browser --group oscar --group package --extra postgres --extra mariadb \
		pyproject.toml --output-file constraints.txt
	$(UV_COMPILE) --resolution lowest-direct --python-version 3.11 --group test --extra postgres --extra mariadb \
		pyproject.toml --output-file constraints-lowest.txt

clean: ## Remove everything that make made, the demo's data too.
	rm -rf $(VENV) .nox var tests/conformance/node_modules build dist docs/_build htmlcov .coverage* .hypothesis
	rm -rf .mypy_cache .pytest_cache .ruff_cache .import_linter_cache

# An environment is made once, and brought up to date when its pins change.

$(BIN)/python:
	@test -n "$(PYTHON)" || { \
		echo "Python 3.11 or newer with its venv module is needed, and none was found."; \
		echo "On Debian: apt install python3 python3-venv. Elsewhere: make PYTHON=/path/to/python3"; \
		exit 1; }
	@echo "Creating a virtual environment in $(VENV) ..."
ifdef UV
	@uv venv --quiet --python $(PYTHON) $(VENV)
else
	@$(PYTHON) -m venv $(VENV)
endif

$(VENV)/dev.installed: EXTRAS := [postgres]
$(VENV)/mariadb.installed $(VENV)/chaos.installed: EXTRAS := [mariadb]
$(VENV)/%.installed: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing the packages of the group $* into $(VENV), once: about half a minute ..."
ifdef UV
	@uv pip install --quiet --python $(BIN)/python -c constraints.txt -e '.$(EXTRAS)' --group $*
else
	@$(BIN)/python -m ensurepip --upgrade >/dev/null
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	@$(BIN)/python -m pip install --quiet -c constraints.txt -e '.$(EXTRAS)' --group $*
endif
	@touch $@
