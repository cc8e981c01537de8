# `make demo` tells the whole story, `make test` tests it; both first set up what they need.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready
.DELETE_ON_ERROR:
.PHONY: setup help archive demo test test-long test-compose up down clean lock env compose-up compose-down

setup: $(READY)  ## what all else needs: a virtual environment with the locked packages and jars

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*  ## /make \1\t/p' $(MAKEFILE_LIST) | expand -t 20

# uv comes from the path if it is new enough, else the locked one is put into the venv.
$(READY): requirements.lock pyproject.toml include/platform/jars.lock
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14) and "Python 3.11 to 3.13 is needed: set PYTHON to one")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@if uv pip install --help 2>/dev/null | grep -q system-certs; then uv=uv; else \
	  uv=$(BIN)/uv; \
	  test -x $$uv || { \
	    sed -n '/^uv==/,/[^\\]$$/p' requirements.lock > .venv/uv.txt && \
	    { $(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip; } && \
	    $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r .venv/uv.txt; }; \
	fi && \
	  echo "installing the locked packages" && \
	  $$uv pip install --quiet --python $(BIN)/python --system-certs --require-hashes -r requirements.lock && \
	  $$uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@echo "fetching the locked jars"
	@$(BIN)/python -m tideline.platform.jars
	@touch $@

# Every start of a driver is some seconds shorter by it, which pays from the twentieth on.
archive: setup  ## Spark's classes in an archive, by which a driver starts some seconds sooner
	@$(BIN)/python -m tideline.platform.archive_classes

demo: setup  ## the whole story on a real Kafka, Spark and Airflow; FILE=access.log with a log of yours
	@$(BIN)/tideline demo $(if $(FILE),--file "$(FILE)")

# Tests that keep out of each other's way run on all cores; those of whole platforms one after the other.
APART := tests/unit tests/dags tests/spark

test: archive  ## checks and tests, an hour to an hour and a quarter
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy include jobs plugins dags tests
	$(BIN)/lint-imports
	@PYTHONPATH=tests $(BIN)/python -m support.debian
	$(BIN)/pytest $(APART) -m "not slow" -n logical --dist worksteal
	$(BIN)/pytest tests -m "not slow and not compose" $(addprefix --ignore ,$(APART))

test-long: archive  ## the tests that take hours
	$(BIN)/pytest $(APART) -m slow -n logical --dist worksteal
	$(BIN)/pytest tests -m slow $(addprefix --ignore ,$(APART))

# Builds the image and tells the story in containers; docs/compose.md says what it stands in for.
test-compose: setup  ## the image and the story in containers
	$(BIN)/pytest tests/compose -m compose

up: archive  ## start the platform: PostgreSQL, Kafka and Airflow
	@$(BIN)/tideline up

down:  ## end it
	@if test -x $(BIN)/tideline; then $(BIN)/tideline down; fi

# By BuildKit, whichever compose there is. The ports that it binds are looked at, but for those its containers have.
COMPOSE ?= $(shell if docker compose version >/dev/null 2>&1; then echo docker compose; else echo docker-compose; fi)
HELD := {{range .NetworkSettings.Ports}}{{range .}}{{.HostPort}} {{end}}{{end}}
export DOCKER_BUILDKIT = 1
export COMPOSE_DOCKER_CLI_BUILD = 1

env: setup  ## make the .env of compose, with passwords of its own
	@$(BIN)/tideline env

compose-up: env  ## start all of it in containers
	@ours=$$($(COMPOSE) ps -q 2>/dev/null | xargs -r docker inspect --format '$(HELD)' 2>/dev/null); \
	  $(BIN)/tideline env --ports --ours "$$ours" >/dev/null
	@$(COMPOSE) build init
	@$(COMPOSE) up -d

compose-down:  ## end the containers
	@$(COMPOSE) down

# What is removed is .tideline, so its platform ends first, whatever home a person has set.
# The database may lie outside and be linked: see include/tideline/platform/database.py.
clean:  ## remove all that was made here
	@if test -x $(BIN)/tideline; then env -u TIDELINE_HOME $(BIN)/tideline down; fi
	@if test -L .tideline/database; then rm -rf "$$(readlink .tideline/database)"; fi
	rm -rf .venv .tideline

lock: setup
	$(BIN)/uv pip compile --quiet --system-certs pyproject.toml --group dev --universal --python-version 3.11 \
	  --generate-hashes --no-annotate --no-header -o requirements.lock
	$(BIN)/python -m tideline.platform.jars --lock
