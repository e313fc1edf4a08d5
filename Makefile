# make demo   sets up, runs the batch on sample_data/, prints volumes beside the truth
# make test   sets up, runs every check and every test
# make check  lint, format, types, layers
# make accuracy  makes heads of known infarct volume, measures them, rewrites docs/accuracy.md
# make bench  sets up the peers, prints speed and blinding beside them (pigz, for one, from the system)

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := demo

# venv without its own pip and pip from outside: Debian's python3 needs no python3-venv for that.
INSTALL = if command -v uv >/dev/null 2>&1; \
	then uv pip install --quiet --python $(BIN)/python; \
	else $(PYTHON) -m pip --python $(BIN)/python install --quiet --disable-pip-version-check; fi

.PHONY: demo test check accuracy bench clean

demo: $(VENV)/.demo-ready
	@rm -rf $(DEMO)
	@$(BIN)/corelab run sample_data/incoming --trial configs/demo.toml \
		--subjects sample_data/subjects.csv --out $(DEMO)/out --vault $(DEMO)/vault; \
	status=$$?; \
	if [ $$status -eq 1 ]; then \
		echo "The batch ended with status 1: finished, and problems.csv names what was not measured."; \
	elif [ $$status -ne 0 ]; then exit $$status; fi
	@$(BIN)/corelab agreement $(DEMO)/out --reference sample_data/truth.csv
	@echo "Open the QA page: $(CURDIR)/$(DEMO)/out/qa/index.html"

# Demo and tests start corelab again and again: with its bytecode kept each starts a second sooner.
unexport PYTHONDONTWRITEBYTECODE

# One more than two cores: tests wait for batches, servers and browsers as long as they compute.
TEST_PROCESSES ?= 3

test: check
	$(BIN)/pytest -n $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder

check: $(VENV)/.test-ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

accuracy: $(VENV)/.test-ready
	$(BIN)/python -m benchmarks.accuracy

bench: $(VENV)/.bench-ready
	$(BIN)/python -m benchmarks.convert_speed
	$(BIN)/python -m benchmarks.index_speed
	$(BIN)/python -m benchmarks.segment_speed
	$(BIN)/python -m benchmarks.blinding.comparators

$(VENV)/bin/python:
	$(PYTHON) -m venv --without-pip $(VENV)

$(VENV)/.demo-ready: pyproject.toml | $(VENV)/bin/python
	@echo "Setting up $(VENV) ..."
	@$(subst install,install -e .,$(INSTALL))
	@touch $@

$(VENV)/.test-ready: pyproject.toml | $(VENV)/bin/python
	@echo "Setting up $(VENV) with the tools for tests ..."
	@$(subst install,install -e ".[dev]",$(INSTALL))
	@touch $@ $(VENV)/.demo-ready

$(VENV)/.bench-ready: pyproject.toml | $(VENV)/bin/python
	@echo "Setting up $(VENV) with the peers ..."
	@$(subst install,install -e ".[bench]",$(INSTALL))
	@touch $@ $(VENV)/.demo-ready

clean:
	rm -rf $(VENV) $(DEMO) build *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
