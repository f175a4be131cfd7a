# Everything runs from .venv/ and .state/ inside the checkout; nothing else is touched.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SERVERS := $(VENV)/.servers
READY := $(VENV)/.ready
BUILD := .state/build
FUZZ := .state/fuzz
NEW_ENOUGH = $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11 ...")'

.DEFAULT_GOAL := help
.PHONY: help demo test lint compiled house bench bench-peers scale brownout chaos drill ops servers mutation fuzz nightly lock clean

help: ## What there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:[^#]*##/\t/' | sort

demo: $(SERVERS) ## The main job end to end on embedded servers, with the proof (OPTIONS="--output json")
	@$(BIN)/activation-worker demo $(OPTIONS)

# What promises seconds is measured with nothing beside it: four processes take two cores from it.
ifdef TESTS
test: $(READY) lint ## Every check and every test
	$(BIN)/python -m pytest -n 4 $(TESTS)
else
test: $(READY) ## Every check and every test
	@$(MAKE) --no-print-directory -j2 -Otarget lint compiled
	$(BIN)/python -m pytest -n 4 -m "not nightly and not alone"
	$(BIN)/python -m pytest -n 0 -m "alone and not nightly" tests/acceptance
endif

# Else each process of pytest compiles all tests for itself. The type check leaves a core for it.
# What cannot be collected is told by the run of the tests.
compiled: $(READY)
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest --collect-only -qq >/dev/null || true

# Tests in tests/tidy say by themselves which page explains the rule they check.
RULES := { echo "the rule is explained in worker/docs/changing.md\#rules-that-hold-everywhere" >&2; exit 1; }
CHECKS := { echo "the check is explained in worker/docs/changing.md\#when-a-check-fails" >&2; exit 1; }
lint: $(READY) ## Style, types and import rules
	$(BIN)/ruff format --check . || $(CHECKS)
	$(BIN)/ruff check . || $(CHECKS)
	$(BIN)/mypy || $(RULES)
	$(BIN)/lint-imports || $(RULES)

house: $(READY) ## What the code costs its next reader, against the aims (OPTIONS="--all")
	@$(BIN)/python -m tests.house $(OPTIONS)

bench: $(READY) ## Ratios against a bare loop and a naive design, in one run
	@$(BIN)/python -m tests.bench $(OPTIONS)

bench-peers: $(READY) ## The same work by us and by six other queues (OPTIONS="--runs 1 --only arq saq")
	@$(BIN)/python -m tests.bench.queues $(OPTIONS)

scale: $(READY) ## A hundred thousand live numbers, and a killed daemon (OPTIONS="--live 300000")
	@$(BIN)/python -m tests.bench.scale $(OPTIONS)

brownout: $(READY) ## Half an hour of brown-out at one of three providers (OPTIONS="--minutes 2")
	@$(BIN)/python -m tests.bench.brownout $(OPTIONS)

chaos: $(READY) ## What is lost when anything breaks, against the promises (OPTIONS="--quick --only redis-away")
	@$(BIN)/python -m tests.chaos $(OPTIONS)

ops: $(READY) ## Restore, upgrade and rollback, hosts cut off (OPTIONS="--numbers 1000 --hosts 1 2")
	$(BIN)/python -m pytest -q -n 0 -m "" --timeout=900 tests/ops/test_restore_drill.py tests/ops/test_upgrade_and_rollback.py
	@$(BIN)/python -m tests.bench.hosts $(OPTIONS)

drill: $(READY) ## What the on-call is told when anything breaks (OPTIONS="--quick --only redis-killed")
	@$(BIN)/python -m tests.drill $(OPTIONS)

servers: $(READY) ## The same tests on each server the worker works with (OPTIONS="--only Debian")
	@$(BIN)/python -m tests.servers $(OPTIONS)

mutation: $(READY) ## Every mutant of the refund policies against their tests (long; resumes where it stopped)
	@$(BIN)/python -m tests.mutation.run

fuzz: $(FUZZ)/.ready ## A million provider replies, guided by coverage (OPTIONS="--replies 20000")
	@$(FUZZ)/venv/bin/python -m tests.fuzz.nightly $(OPTIONS)

nightly: $(READY) ## All that takes longer than the tests may, and a line for each (OPTIONS="--only chaos bench")
	@$(BIN)/python -m tests.nightly $(OPTIONS)

# Extras stay in the pins: an older pip takes `redis[hiredis]` for another, unpinned requirement.
LOCK := pip-compile -q --generate-hashes --no-emit-index-url --no-emit-find-links --no-strip-extras
lock: $(READY) ## Pin what pyproject.toml asks for, with hashes
	$(BIN)/$(LOCK) --allow-unsafe --extra embedded --extra dev -o requirements-dev.txt pyproject.toml
	cp requirements-dev.txt requirements-demo.txt # The same versions, as far as they are needed.
	$(BIN)/$(LOCK) --allow-unsafe --extra embedded -o requirements-demo.txt pyproject.toml
	$(BIN)/$(LOCK) --allow-unsafe --only-build-deps --build-deps-for wheel -o requirements-build.txt pyproject.toml
	$(BIN)/$(LOCK) -o requirements.txt pyproject.toml

clean: ## Remove the virtual environment and all state
	rm -rf $(VENV) .state

# `demo` needs the worker and its servers, everything else the tools as well. What builds the project
# lies beside the environment while it is needed. What the daemon imports is compiled at once: it must
# not wait for that when it starts.
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
define install
	@$(NEW_ENOUGH)
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV) (once)" >&2
	@$(PIP) uninstall --yes setuptools 2>/dev/null
	@$(PIP) install --no-compile --require-hashes -r $<
	@rm -rf $(BUILD)
	@$(PIP) install --no-compile --require-hashes --target $(BUILD) -r requirements-build.txt
	@PYTHONPATH=$(CURDIR)/$(BUILD) $(PIP) install --no-compile --no-deps --no-build-isolation -e .
	@rm -rf $(BUILD)
	@find $(VENV) -path '*/site-packages/pip/*' -name '*.pyc' -delete # Half of pip, which is done.
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -c "import worker.entrypoints.daemon"
endef

$(SERVERS): requirements-demo.txt requirements-build.txt pyproject.toml
	$(install)
	@touch $@

$(READY): requirements-dev.txt requirements-build.txt pyproject.toml
	$(install)
	@touch $(SERVERS) $@

# The fuzzer meets our packages only here: it has wheels for fewer Pythons and machines than we do.
$(FUZZ)/.ready: requirements.txt tests/fuzz/atheris.txt
	@$(NEW_ENOUGH)
	@$(PYTHON) -m venv --clear $(FUZZ)/venv
	@echo "installing into $(FUZZ)/venv (once)" >&2
	@$(FUZZ)/venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt -r tests/fuzz/atheris.txt
	@touch $@
