# `make` lists the targets. Each sets itself up: a virtual environment in .venv, from requirements.lock.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
.DEFAULT_GOAL := help
.PHONY: help setup demo test check bench versions docs lock clean collector trial-crash

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

setup: $(STAMP) ## virtual environment and pinned dependencies

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "slashspan needs Python 3.10 or newer; this is " + sys.version.split()[0] + ". Choose another one: make PYTHON=python3.12 …")'
	@echo "setting up $(VENV) …"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(STAMP) ## a bot, 2,000 commands and what was recorded (ARGS="--commands 500 --rate 100 --dsn …")
	@$(BIN)/slashspan demo $(ARGS)

test: $(STAMP) ## all tests; starts its own PostgreSQL (ARGS="-k name")
	@$(BIN)/python -m pytest $(ARGS)

check: $(STAMP) ## ruff, mypy --strict, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(STAMP) ## run every benchmark; rewrite docs/benchmarks.md and its chart (for a quick look: python -m benchmarks --quick)
	@$(BIN)/python -m benchmarks --write docs/benchmarks.md --charts docs $(ARGS)

ROUNDS ?= 1000

trial-crash: $(STAMP) ## kill a bot under load ROUNDS times; nothing may be lost or duplicated (ROUNDS=100)
	@PYTHONPATH=examples $(BIN)/python -m tests.trials.crash --rounds $(ROUNDS)

COLLECTOR := .cache/collector/otelcol
BUILDER   := go.opentelemetry.io/collector/cmd/builder@v0.165.0

collector: $(COLLECTOR) ## the OpenTelemetry Collector that tests/collector runs (needs Go)

$(COLLECTOR): tools/collector/builder.yaml
	@command -v go >/dev/null || { echo "building the collector needs Go: install it from https://go.dev/dl/, or leave the collector's tests skipped"; exit 1; }
	@echo "building the OpenTelemetry Collector …"
	@mkdir -p $(@D)
	@CGO_ENABLED=0 go run $(BUILDER) --config tools/collector/builder.yaml
	@mv .cache/collector/build/otelcol $@

VERSIONS := 2.4.0 2.5.2 2.6.4 2.7.1

versions: $(STAMP) ## the truth suite on every supported discord.py (VERSIONS="2.4.0 …")
	@for version in $(VERSIONS); do \
	  folder=.cache/discord-$$version; \
	  if [ ! -f $$folder/.installed ]; then \
	    echo "setting up discord.py $$version …"; \
	    $(PYTHON) -m venv $$folder || exit 1; \
	    $$folder/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.lock || exit 1; \
	    $$folder/bin/python -m pip install --quiet --disable-pip-version-check "discord.py==$$version" || exit 1; \
	    $$folder/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . || exit 1; \
	    touch $$folder/.installed; \
	  fi; \
	  echo "discord.py $$version"; \
	  $$folder/bin/python -m pytest -q tests/truth tests/telemetry/instrument/test_instrumentor.py tests/telemetry/instrument/test_harmless.py tests/telemetry/instrument/test_context.py tests/test_peer_defects.py || exit 1; \
	done

docs: $(STAMP) ## regenerate docs/reference.md from the code
	@$(BIN)/python -m tools.reference > docs/reference.md

lock: $(STAMP) ## update requirements.lock from pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.10 --no-emit-index-url --no-emit-find-links \
	  --no-annotate --no-header --all-extras --group dev pyproject.toml --upgrade --output-file requirements.lock

clean: ## remove everything that the targets created
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
