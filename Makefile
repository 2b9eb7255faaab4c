# Plain venv + pip, wrapped. `make demo` and `make test` are all a newcomer needs.
PYTHON ?= python3
BIN := .venv/bin
RUNS := runs/demo
# What suits a training of one minute better than the paper's Adam inside and plain steps outside: the other way round.
SHORT := --optimizer adam --lr 8e-3 --inner sgd --inner-lr 0.4 --test-steps 20 --test-batch 25

.PHONY: demo test test-all test-oldest checks docs catalogue install clean

demo: .venv/installed
	$(BIN)/tokay train scratch  glyphs --out $(RUNS)/scratch  --overwrite
	$(BIN)/tokay train finetune glyphs --out $(RUNS)/finetune --overwrite --steps 2400 --validate-every 0
	$(BIN)/tokay train reptile  glyphs --out $(RUNS)/reptile  --overwrite --steps 600 --validate-every 600 $(SHORT)
	$(BIN)/tokay compare $(RUNS)/scratch $(RUNS)/finetune $(RUNS)/reptile --shots 1 5 --tasks 100
	$(BIN)/tokay plot $(RUNS)/reptile --tasks 100

# Every check but the tests marked slow (long trainings, real archives): `make test-all` runs those, too.
test: checks
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 -m "not slow"

# The oldest versions that pyproject.toml allows. Its torch is a GPU build of several GB.
test-oldest:
	$(PYTHON) -m venv .venv-oldest
	.venv-oldest/bin/python -m pip install --quiet --constraint constraints-oldest.txt --editable . pytest pytest-xdist hypothesis
	OMP_NUM_THREADS=1 .venv-oldest/bin/python -m pytest -n 2 -m "not slow" tests

test-all: checks
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2

checks: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy tokay
	$(MAKE) docs

# Where matplotlib has not looked for fonts yet, importing it runs fc-list, which pdoc must be told to let it.
docs: .venv/installed
	PDOC_ALLOW_EXEC=1 $(BIN)/python -W error -m pdoc tokay --docformat google --math --output-directory build/docs

# What `tokay list` shows, from the registries. A test fails if it is out of date.
catalogue: .venv/installed
	$(BIN)/python -m tokay.cli.catalogue

install: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Tokay needs Python 3.11 or newer: make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

clean:
	rm -rf .venv .venv-oldest build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
