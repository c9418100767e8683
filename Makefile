PORT ?= 8501
ARGS ?=
RECENT := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c '$(RECENT)' 2>/dev/null && command -v $$p && break; done)
BIN := .venv/bin
STAMP := .venv/.installed
unexport PYTHONDONTWRITEBYTECODE  # pip compiles nothing: a module is compiled when imported

.PHONY: help app setup test lint browser bench screenshot assets clean

help:  ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

app: setup  ## set everything up and open the app (PORT=8501)
	$(BIN)/python -m streamlit run app.py --server.port $(PORT)

setup: $(STAMP)  ## create .venv and install requirements.txt

# The stamp comes last, so an interrupted install is taken up again; a .venv that works is kept.
$(STAMP): requirements.txt
	@rm -f $@
	@$(BIN)/python -c 'import pip; $(RECENT)' 2>/dev/null || { \
		"$(PYTHON)" -c '$(RECENT)' 2>/dev/null \
			|| { echo "rnnviz needs Python 3.11 or newer; give its path: make PYTHON=/path/to/python3" >&2; exit 2; }; \
		"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null \
			|| { echo "this Python cannot make a virtual environment; on Debian and Ubuntu: apt-get install $$("$(PYTHON)" -c 'import sys; print("python3.%d-venv" % sys.version_info[1])')" >&2; exit 2; }; \
		echo "creating .venv with $(PYTHON)"; \
		"$(PYTHON)" -m venv --clear .venv; }
	$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check -r requirements.txt
	@touch $@

browser: setup  ## find or install the browser of the tests
	@$(BIN)/python tests/browser.py --install

lint: setup  ## rules, formatting, types, directions of imports, JavaScript
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/ty check --python .venv rnnviz
	$(BIN)/lint-imports --no-cache --no-logo
	@if test -x $(BIN)/biome; then $(BIN)/biome ci --error-on-warnings assets/components; \
		else echo "biome is not installed here: its package is for Linux on x86-64"; fi

test: setup browser lint  ## all tests, in parallel workers (ARGS="-k gates")
	$(BIN)/python -m pytest --numprocesses auto --dist worksteal $(ARGS)

bench: setup browser  ## everything in benchmarks/, as tables on the terminal
	$(BIN)/python -m benchmarks $(ARGS)

screenshot: setup browser  ## the README's picture, taken anew
	$(BIN)/python -m tests.screenshot

assets: setup  ## retrain the runs that ship (some hours on two cores; what is there is kept)
	PYTHONPATH=. PYTHON=$(BIN)/python assets/train.sh assets/new
	rm -rf assets/runs assets/recall assets/tasks assets/windows
	mv assets/new/* assets/ && rmdir assets/new

clean:  ## remove .venv and caches, keep runs/
	rm -rf .venv .benchmarks .pytest_cache .ruff_cache .hypothesis build dist *.egg-info
	find . -name __pycache__ -prune -exec rm -rf {} +
