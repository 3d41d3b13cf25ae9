# The two commands to know: `make study` and `make test`. `make help` lists the rest.

PYTHON ?= python3
VENV ?= .venv
SCALE ?= demo
CORPUS ?= skipworld
SEEDS ?= 1
SEED ?= 0
VARIANT ?= no_T
CORES ?= all
PROFILE ?=
SWEEP ?=
ARGS ?=

BIN := $(VENV)/bin
NOTEBOOKS = $$(git ls-files --cached --others --exclude-standard 'notebooks/*.ipynb')  # ours, not what papermill wrote beside them
# Installed again when pyproject.toml changes; an environment of your own (VENV=...) is taken as it is.
READY := $(if $(filter file,$(origin VENV)),$(VENV)/.ready,$(if $(wildcard $(BIN)/python),,$(VENV)/.ready))
export PYTHONPATH := $(CURDIR)$(if $(PYTHONPATH),:$(PYTHONPATH))

.DEFAULT_GOAL := help
.PHONY: help setup study sweep unlock fetch ablation bench promote lab test lint format clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY)  ## virtual environment with the pinned packages (others do it on the way)

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "skiplib needs Python 3.11 or later: make setup PYTHON=/path/to/python3")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check --editable '.[dev,photographs]'
	@touch $@

SNAKEMAKE = $(BIN)/snakemake $(if $(PROFILE),--profile $(PROFILE),--cores $(CORES)) \
	--scheduler greedy --rerun-incomplete --quiet host reason --rerun-triggers mtime params code input \
	--config scale=$(SCALE) corpus=$(CORPUS) seeds=$(SEEDS)

# A row that fails does not stop the others: the report comes all the same, and make fails at the end.
study: $(READY)  ## the study, only what changed: SCALE=demo CORPUS=skipworld SEEDS=1 (more: every system)
	@$(SNAKEMAKE) --keep-going -- rows < /dev/null; failed=$$?; \
	if [ -n "$$(ls .snakemake/locks 2> /dev/null)" ]; then \
		echo "Another make runs in this folder; if none does, one was killed: make unlock"; exit 1; fi; \
	$(SNAKEMAKE) -- study < /dev/null && \
	echo "Open reports/$(CORPUS)-$(SCALE)/index.html" && \
	if [ $$failed -ne 0 ]; then echo "Some rows failed and are missing from the tables: see above"; exit 1; fi

sweep: $(READY)  ## one switch over several values, or all sweeps: SWEEP=slots SCALE=demo SEEDS=1 (then `make study`)
	@$(SNAKEMAKE) sweep="$(SWEEP)" --keep-going -- sweep < /dev/null

unlock: $(READY)  ## after a power cut or a kill -9, if `make study` finds its folder locked
	$(BIN)/snakemake --cores 1 --unlock

fetch: $(READY)  ## download the files of a corpus that may be downloaded: CORPUS=digits, ljspeech ...
	$(BIN)/python -m skiplib.fetch $(CORPUS)

ablation: $(READY)  ## one row of a table: VARIANT=no_T SCALE=demo CORPUS=skipworld SEED=0 OVERLAY="memory.slots=16"
	name=$(if $(OVERLAY),$$($(BIN)/python -m skiplib.sweeps $(VARIANT) "$(OVERLAY)"),$(VARIANT)) && \
	$(BIN)/python -m skiplib.execute notebooks/run_ablation.ipynb \
		"runs/$(CORPUS)-$(SCALE)/seed$(SEED)/$$name.ipynb" \
		-p variant $(VARIANT) -p scale $(SCALE) -p corpus $(CORPUS) -p seed $(SEED) \
		$(if $(OVERLAY),-p overlay "$(OVERLAY)")

bench: $(READY)  ## timings of preparation and training on this machine, into reports/benchmark-*.csv
	$(BIN)/python -m skiplib.benchmark prepare
	$(BIN)/python -m skiplib.benchmark train

promote: $(READY)  ## copy the records of finished runs into reports/records/, to be committed, and into tables and README
	$(BIN)/python -m skiplib.promote
	$(BIN)/python -m skiplib.results
	$(BIN)/python -m skiplib.readme

lab: $(READY)  ## JupyterLab on the notebooks
	$(BIN)/jupyter-lab notebooks

test: $(READY)  ## the tests: ARGS='-k report'
	$(BIN)/python -m pytest -q --numprocesses 2 --dist loadfile $(ARGS)

lint: $(READY)  ## complaints about code and notebooks
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/nbstripout --verify $(NOTEBOOKS)

format: $(READY)  ## ... and most of them mended
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/nbstripout $(NOTEBOOKS)

clean:  ## remove caches; data, runs and the environment stay
	rm -rf .pytest_cache .ruff_cache .hypothesis
	find skiplib tests -name __pycache__ -type d -exec rm -rf {} +
