# Everything a newcomer needs: `make demo` and `make test`. Both make their own environment in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1

.PHONY: help install weights demo test lint format web bench docs site wheel clean

help:
	@echo "make demo    install, enroll a demo catalogue, tag a noisy snippet, serve the page (PORT=8001, SERVE=0: do not)"
	@echo "make test    install what the tests need and run them all"
	@echo "make lint    style, spelling and types      make format  put the code into the house style"
	@echo "make web     build the page into static/    make bench   the quick benchmark (a few minutes)"
	@echo "make docs    pictures and reports for docs  make site    the documentation as a site, in site/"
	@echo "make wheel   the package, in dist/          make clean   remove what these made"

$(VENV)/.installed: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Earmark needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet -r requirements.txt
	$(BIN)/pip install --quiet --no-deps --editable .
	@touch $@

$(VENV)/.installed-tests: $(VENV)/.installed tests/requirements.txt bench/requirements.txt docs/requirements.txt
	$(BIN)/pip install --quiet -r tests/requirements.txt -r bench/requirements.txt -r docs/requirements.txt
	@touch $@

install: $(VENV)/.installed

demo: install weights
	$(BIN)/earmark demo $(if $(filter 0,$(SERVE)),--no-serve,) $(if $(PORT),--port $(PORT),)

# The tagging network, kept with the user's data: once, some seconds. All but the tags works without it.
weights: install
	@$(BIN)/earmark models get musicnn-msd || echo "Going on without tags, genre and mood; try it again at any time."

test: $(VENV)/.installed-tests weights
	$(BIN)/python -m pytest $(ARGS)

lint: $(VENV)/.installed-tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell classifier bench tests docs README.md CHANGELOG.md CONTRIBUTING.md app.py
	$(BIN)/mypy
	$(BIN)/bandit --quiet --recursive --configfile pyproject.toml classifier app.py gunicorn.conf.py

format: $(VENV)/.installed-tests
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

web:
	cd web && npm install --no-audit --no-fund && npm run build

bench: $(VENV)/.installed-tests
	$(BIN)/python -m bench.measure.identify --quick --json bench/results/quick.json --html bench/results/quick.html $(ARGS)

docs: $(VENV)/.installed-tests weights
	$(BIN)/python -m tests.browser.screenshots
	$(BIN)/python -m tests.browser.gallery

site: $(VENV)/.installed-tests
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet --strict --config-file docs/site/mkdocs.yml

# The date of the last commit, where none is given, so that the same commit gives the same bytes.
wheel: export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 1767225600)
wheel: site
	rm -rf dist
	$(BIN)/python -m build --no-isolation --outdir dist .
	$(BIN)/python deploy/bill.py --wheel dist/earmark-*.whl --page web/package-lock.json > dist/earmark.cdx.json

clean:
	rm -rf $(VENV) .demo .pytest_cache .hypothesis .mypy_cache .ruff_cache dist site web/node_modules web/.angular
