# `make` lists the targets. Each sets itself up: a virtual environment in .venv, from requirements.lock.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
.DEFAULT_GOAL := help
.PHONY: help setup demo test check bench versions bots browser screenshots other-tools clickhouse docs lock clean collector jaeger trial-crash trial-sums trial-collector

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

# Four workers, each with its own PostgreSQL, on two cores too: tests wait for other processes a third of the time. An
# idle worker takes over tests of a busy one.
PARALLEL := -n 4 --dist worksteal

test: $(STAMP) ## all tests, in parallel; starts its own PostgreSQL (ARGS="-n0 -k name": in one process)
	@$(BIN)/python -m pytest $(PARALLEL) $(ARGS)

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

trial-sums: $(STAMP) ## change rows while sums are refreshed; ROUNDS snapshots must equal the rows (ROUNDS=100)
	@PYTHONPATH=examples $(BIN)/python -m tests.trials.sums --rounds $(ROUNDS)

trial-collector: $(STAMP) ## kill bot, collector and ClickHouse under load ROUNDS times; nothing may be lost or duplicated (ROUNDS=20)
	@PYTHONPATH=examples $(BIN)/python -m tests.trials.collector --rounds $(ROUNDS)

COLLECTOR := .cache/collector/otelcol
BUILDER   := go.opentelemetry.io/collector/cmd/builder@v0.165.0

collector: $(COLLECTOR) ## the OpenTelemetry Collector that tests/collector runs (needs Go)

$(COLLECTOR): tools/collector/builder.yaml
	@command -v go >/dev/null || { echo "building the collector needs Go: install it from https://go.dev/dl/, or leave the collector's tests skipped"; exit 1; }
	@echo "building the OpenTelemetry Collector …"
	@mkdir -p $(@D)
	@CGO_ENABLED=0 go run $(BUILDER) --config tools/collector/builder.yaml
	@mv .cache/collector/build/otelcol $@

JAEGER        := .cache/jaeger/jaeger
JAEGER_MODULE := github.com/jaegertracing/jaeger/cmd/jaeger

jaeger: $(JAEGER) ## Jaeger, the trace store in which tests/collector looks up what was sampled (needs Go; builds for 8 minutes)

# As a tool of a module of its own: `go install` refuses modules whose go.mod replaces others.
$(JAEGER):
	@command -v go >/dev/null || { echo "building Jaeger needs Go: install it from https://go.dev/dl/, or leave its test skipped"; exit 1; }
	@echo "building Jaeger …"
	@rm -rf $(@D)/build && mkdir -p $(@D)/build
	@cd $(@D)/build && { go mod init trace-store && go get -tool $(JAEGER_MODULE)@v1.76.0; } >log 2>&1 || { cat log; exit 1; }
	@cd $(@D)/build && CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o jaeger $(JAEGER_MODULE)
	@mv $(@D)/build/jaeger $@ && rm -r $(@D)/build

versions: $(STAMP) ## tests and demo on discord.py 2.4 to 2.7, the oldest and newest Python, the lowest pins (ARGS=--short: the extremes)
	@$(BIN)/python -m tools.versions $(ARGS)

bots: $(STAMP) ## Red, jishaku and a bot of discord-games from PyPI, unchanged: the same plain and recorded, every action a row
	@$(BIN)/python -m tools.bots
	@$(BIN)/python -m pytest -q tests/pypi_bots

screenshots: browser ## draw the pictures of the documentation anew (needs Chromium)
	@$(BIN)/python -m tools.screenshots

browser: $(STAMP) ## Playwright, with which the tests open the dashboard in Chromium
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps -r requirements-browser.lock

OTHER_TOOLS := .cache/other-tools

other-tools: $(STAMP) ## logfire, sentry-sdk and ddtrace from PyPI, which the tests then run beside a bot
	@test -x $(OTHER_TOOLS)/bin/python || $(BIN)/uv venv --quiet --python $(BIN)/python $(OTHER_TOOLS)
	@$(BIN)/uv pip sync --quiet --python $(OTHER_TOOLS)/bin/python requirements-other-tools.lock
	@$(BIN)/uv pip install --quiet --python $(OTHER_TOOLS)/bin/python --no-deps --no-build-isolation --editable .

clickhouse: $(STAMP) ## ClickHouse's engine from PyPI (555 MB), which the tests then use too
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --target .cache/clickhouse -r requirements-clickhouse.lock

docs: $(STAMP) ## regenerate docs/reference.md, docs/api.md and docs/grafana from the code
	@$(BIN)/python -m tools.reference > docs/reference.md
	@$(BIN)/python -m tools.api > docs/api.md
	@$(BIN)/python -m tools.grafana docs/grafana

COMPILE := $(BIN)/uv pip compile --quiet --no-emit-index-url --no-emit-find-links --no-annotate --no-header --upgrade

lock: $(STAMP) ## renew the pins in requirements*.lock from pyproject.toml
	$(COMPILE) --universal --python-version 3.10 --all-extras --group dev pyproject.toml --output-file requirements.lock
	@mkdir -p .cache
	$(COMPILE) --python-version 3.10 --all-extras --resolution lowest-direct pyproject.toml --output-file .cache/lowest.txt
	$(COMPILE) --python-version 3.10 --group test --constraint .cache/lowest.txt .cache/lowest.txt --output-file requirements-lowest.lock
	$(COMPILE) --universal --python-version 3.10 --all-extras --group test --group other-tools --constraint requirements.lock pyproject.toml --output-file requirements-other-tools.lock
	$(COMPILE) --universal --python-version 3.10 --group browser --constraint requirements.lock --output-file requirements-browser.lock
	$(COMPILE) --universal --python-version 3.10 --group pyproject.toml:clickhouse-tests --output-file requirements-clickhouse.lock
	@$(BIN)/python -m tools.bots --lock

clean: ## remove everything that the targets created
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
