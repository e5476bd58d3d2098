# Two commands for a fresh machine with Python 3.11: `make demo` and `make test`.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
BIN = $(VENV)/bin
CORE = $(VENV)/.core
TOOLS = $(VENV)/.tools
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
ONE_THREAD = OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1

.PHONY: demo test test-slow test-gpu check bench schema clean

$(VENV)/bin/python:
	@echo "making an environment in $(VENV) with $(PYTHON)"
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "cortexwave needs Python 3.11 or newer, this is " + sys.version)'
	@$(PYTHON) -m venv $(VENV)

$(CORE): $(VENV)/bin/python setup.cfg constraints.txt
	@echo "installing cortexwave and what it needs (two to six minutes the first time)"
	@$(PIP) -e .
	@touch $(CORE)

$(TOOLS): $(CORE)
	@echo "installing what the tests need"
	@$(PIP) -e ".[test]"
	@touch $(TOOLS)

# Handwritten digits launch waves on a sheet: one protocol, two engines, one recording.
demo: $(CORE)
	@mkdir -p demo
	@for engine in brian2 torch; do \
	  echo "running protocols/digits_on_a_sheet.yaml on $$engine"; \
	  $(BIN)/cortexwave run protocols/digits_on_a_sheet.yaml -o demo/$$engine.h5 \
	    --backend $$engine --dtype float64 --overwrite || exit $$?; done
	@echo "drawing"
	@$(BIN)/cortexwave view demo/brian2.h5 -o demo/digits.png
	@$(BIN)/cortexwave view demo/brian2.h5 demo/torch.h5 -o demo/digits.html
	@echo "open demo/digits.html in a browser"

test: $(TOOLS)
	@$(ONE_THREAD) $(BIN)/python -m pytest -n 2 --dist worksteal

test-slow: $(TOOLS)
	@$(ONE_THREAD) $(BIN)/python -m pytest -m slow

test-gpu: $(TOOLS)
	@$(BIN)/python -m pytest -m gpu

check: $(TOOLS)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(CORE)
	@$(PIP) jax
	@$(BIN)/python benchmarks/wilson_cowan_step.py
	@$(BIN)/python benchmarks/recording_cost.py
	@$(BIN)/python benchmarks/wave_rnn_sequence.py
	@$(BIN)/python benchmarks/generalized_phase.py
	@$(BIN)/python benchmarks/wave_measures.py
	@$(BIN)/python benchmarks/optical_flow.py

schema: $(CORE)
	$(BIN)/cortexwave schema > cortexwave/protocol/simulation.schema.json
	$(BIN)/cortexwave schema training > cortexwave/learning/training.schema.json
	$(BIN)/cortexwave schema study > cortexwave/comparison/study.schema.json

clean:
	rm -rf $(VENV) demo build dist *.egg-info
