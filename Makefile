# Two commands are all it takes: `make demo` and `make test`. Both build .venv by themselves.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

# Hundreds of tests start chartline as a process of its own; compiled modules are kept for the next one.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test coverage docs benchmark bench-survival bench-checks bench-draft bench-scale huge fuzz clean

demo: $(VENV)/.ready
	$(BIN)/chartline run examples/inotuzumab-india --out out

# Files go to the cores in their order, the slow ones of tests/acceptance first: by default those with few tests are last.
test: $(VENV)/.ready-test
	$(BIN)/ruff check src tests benchmarks docs
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder

# How much of the code the tests run; it makes them a third slower.
coverage: $(VENV)/.ready-test
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder --cov --cov-report=term

docs: $(VENV)/.ready
	$(BIN)/python docs/generate.py

benchmark: $(VENV)/.ready-test
	$(BIN)/python -m pip install --quiet pandas lifelines matplotlib
	$(BIN)/python benchmarks/run.py

# False alarms of the data checks on sound charts; needs ../shared.
bench-checks: $(VENV)/.ready-test
	$(BIN)/python benchmarks/checks.py

# R's survival and cmprsk are measured too, where Rscript is on the path. BENCH="--sizes 1e3,1e5" passes options on.
bench-survival: $(VENV)/.ready-test
	$(BIN)/python -m pip install --quiet pandas statsmodels lifelines survival
	$(BIN)/python benchmarks/survival.py --table benchmarks/README.md $(BENCH)

# How much of the signed mappings of the example a draft proposes right.
bench-draft: $(VENV)/.ready
	$(BIN)/python benchmarks/draft.py --table benchmarks/README.md

# A CSV file of 2 GB, 1,000,000 rows by 200 columns, and the memory that reading it takes: about 4 GB, in a minute.
huge: $(VENV)/.ready-test
	CHARTLINE_HUGE_ROWS=1000000 $(BIN)/python -m pytest -s tests/mess/test_mess_huge.py

# Whole studies on OMOP databases of growing size beside the same query by hand; PERSONS=1e4,1e6 chooses the sizes.
PERSONS ?= 1e4,1e5,1e6,1e7
bench-scale: $(VENV)/.ready-test
	$(BIN)/python -m pip install --quiet pandas lifelines
	$(BIN)/python benchmarks/scale.py --persons $(PERSONS) --table benchmarks/README.md $(BENCH)

# 10,000 changed files of each kind, and at the door of de-identification, and 2,000 changed values of each of five
# centres: only queries and StudyErrors may come out, and no value changes in silence. An hour and a half on one core.
FUZZ_RUNS ?= 10000
fuzz: $(VENV)/.ready-test
	CHARTLINE_FUZZ_RUNS=$(FUZZ_RUNS) POLARS_MAX_THREADS=1 $(BIN)/python -m pytest tests/fuzz

$(VENV)/.ready: pyproject.toml requirements.lock
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "chartline needs Python 3.11 or later; run make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-deps --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

$(VENV)/.ready-test: $(VENV)/.ready requirements-test.lock
	$(BIN)/python -m pip install --quiet --no-deps --require-hashes -r requirements-test.lock
	touch $@

clean:
	rm -rf $(VENV) out
