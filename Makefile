# Two commands on a fresh machine: `make run` and `make test`.

VENV ?= .venv
PORT ?= 8000
PYTHON ?= python3
BIN = $(VENV)/bin
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
FILES = pyproject.toml constraints.txt

.PHONY: run test unit docs examples scale faults check page hints front-ends dist workflows lowest newest pythons format types clean

run: $(VENV)/serve  ## start the page at http://127.0.0.1:8000
	@exec $(BIN)/inkling serve --port $(PORT)

test: $(VENV)/dev  ## everything that must hold before a change lands; with MARK= the slow tests too
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target check unit $(PAGE)

MARK ?= not slow
unit: $(VENV)/dev
	$(BIN)/pytest --numprocesses auto --dist worksteal -m "$(MARK)" \
		--ignore tests/test_scale.py --ignore tests/test_front_ends.py --ignore tests/test_site.py \
		--ignore tests/test_examples.py

docs: $(VENV)/dev  ## the site, in build/site: lessons run, links are checked, a browser opens it
	$(BIN)/python docs/site/build.py
	$(BIN)/pytest tests/test_site.py

examples: $(VENV)/dev  ## forms with <inkling-pad> in HTML and three frameworks, built and opened in a browser
	$(BIN)/inkling export --to js build/inkling-js
	npm --prefix examples ci --silent
	npm --prefix examples run --silent build
	$(BIN)/pytest tests/test_examples.py

scale: $(VENV)/dev  ## what runs on a cluster, of this machine; it takes all cores
	$(BIN)/pytest tests/test_scale.py -m "not faults"

faults: $(VENV)/dev  ## machines of a cluster are killed, stopped or full
	$(BIN)/pytest tests/test_scale.py -m faults --timeout 300

front-ends: $(VENV)/dev  ## the quickstart in JupyterLab and marimo, in a browser
	@$(PIP) --editable '.[front-ends]'
	$(BIN)/pytest tests/test_front_ends.py

check: $(VENV)/dev  ## format, lint, types and the import rules
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

# Without npm, the page is tested in the browser alone; CI leaves nothing out.
PAGE = $(if $(or $(INKLING_REQUIRE_ALL),$(shell command -v npm)),page hints)
page: node_modules/typescript  ## the types of the page's scripts, and those that touch no page
	node_modules/.bin/tsc
	@rm -rf build/types
	node_modules/.bin/tsc -p tsconfig.types.json --outDir build/types
	@diff -r build/types inkling/web/static/inkling-js/types || \
		{ echo "The types of inkling-js are not those of its code; write them with: make types" >&2; exit 1; }
	node --test tests/page/

hints: $(VENV)/dev node_modules/typescript  ## the types of the public names, as an editor sees them
	@PATH="$(abspath $(BIN)):$$PATH" node_modules/.bin/pyright --verifytypes inkling \
		--ignoreexternal --outputjson >$(VENV)/hints.json || true
	@$(BIN)/python .ci/hints.py <$(VENV)/hints.json

node_modules/typescript: package.json
	@npm install --silent --no-audit --no-fund
	@touch $@

TOOLS = .venv-tools/bin
dist: $(TOOLS)/made  ## the packages in dist/, each installed outside the checkout, where it reads
	@rm -rf dist build/outside
	$(TOOLS)/python -m build --outdir dist >/dev/null
	$(TOOLS)/twine check --strict dist/*
	$(TOOLS)/check-wheel-contents dist/*.whl
	@$(PYTHON) -m venv build/outside
	@build/outside/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt dist/*.whl
	cd build/outside && bin/python ../../.ci/base.py
	@build/outside/bin/python -m pip install --quiet --disable-pip-version-check --force-reinstall --no-deps dist/*.tar.gz
	cd build/outside && bin/python ../../.ci/base.py
	@tar --list --file dist/*.tar.gz | grep --quiet tests/conftest.py

workflows: $(TOOLS)/made  ## what GitHub runs, and how to cite
	PATH="$(abspath $(TOOLS)):$$PATH" $(TOOLS)/actionlint
	$(TOOLS)/zizmor --offline --quiet .github
	$(TOOLS)/cffconvert --validate

ALL = serve train postgres parquet hub notebook
COMMA = ,
SPACE = $(subst ,, )
lowest: RESOLUTION = lowest-direct
newest: RESOLUTION = highest
lowest newest: $(TOOLS)/made  ## tests with the lowest (or newest) versions that pyproject.toml allows, but for PyTorch
	@rm -rf build/$@
	@$(PYTHON) -m venv build/$@
	@grep ^torch== constraints.txt >build/torch.txt
	@$(TOOLS)/uv pip compile --quiet --no-sources --python build/$@/bin/python --resolution $(RESOLUTION) \
		--override build/torch.txt $(addprefix --extra ,$(ALL)) --output-file build/$@.txt pyproject.toml
	@build/$@/bin/python -m pip install --quiet --disable-pip-version-check --constraint build/$@.txt \
		'.[$(subst $(SPACE),$(COMMA),$(ALL))]' httpx hypothesis pytest pytest-timeout pytest-xdist
	build/$@/bin/pytest --numprocesses auto -m "not slow" -W ignore::DeprecationWarning \
		$(addprefix tests/test_,$(addsuffix .py,$(READING)))
BASE = decode formats ink lines numbers paper reader registry web
READING = $(BASE) cli data drawings exports metrics

pythons:  ## tests of reading and of the page with each other Python that is here
	@export PYENV_VERSION=$$(pyenv versions --bare 2>/dev/null | tr '\n' ':'); ran=; \
	for version in 3.12 3.13 3.14; do \
		python$$version -c '' 2>/dev/null || continue; \
		rm -rf build/python$$version; python$$version -m venv build/python$$version && \
		build/python$$version/bin/python -m pip install --quiet --disable-pip-version-check \
			'.[serve]' httpx hypothesis pytest pytest-timeout pytest-xdist && \
		INKLING_REQUIRE_ALL= build/python$$version/bin/pytest --numprocesses auto -m "not slow" -W ignore::DeprecationWarning \
			$(addprefix tests/test_,$(addsuffix .py,$(BASE))) || exit 1; \
		ran="$$ran $$version"; \
	done; echo "Other Pythons that ran:$${ran:- none}"

$(TOOLS)/made: .ci/tools.txt
	@$(PYTHON) -m venv .venv-tools
	@$(TOOLS)/python -m pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

format: $(VENV)/dev
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

types: $(VENV)/dev node_modules/typescript  ## the page's types from the API's schemas; those of inkling-js from its code
	$(BIN)/python -m inkling.web.types
	node_modules/.bin/tsc -p tsconfig.types.json

$(VENV)/serve: $(FILES)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Inkling needs Python 3.11 or newer; name one with: make PYTHON=python3.12" >&2; exit 1; }
	@echo "Installing into $(VENV), once ..."
	@test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	@$(PIP) --editable '.[serve]'
	@touch $@

$(VENV)/dev: $(FILES)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Inkling needs Python 3.11 or newer; name one with: make PYTHON=python3.12" >&2; exit 1; }
	@echo "Installing into $(VENV) with all that tests need, once ..."
	@test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	@$(PIP) --editable '.[dev]'
	@touch $(VENV)/serve $@

clean:
	rm -rf $(VENV) node_modules examples/node_modules examples/dist examples/public build dist .*_cache .hypothesis
