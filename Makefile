# Two commands on a fresh machine: `make demo` and `make test`. Both create the environment when it is not there.
PYTHON ?= python3.11
BIN := .venv/bin
READY := .venv/.ready

.PHONY: demo lab test test-all lint docs bench clean

$(READY): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

demo: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/ornstein demo --force

# The page of one's own signals; what is opened and computed is kept in ./ornstein-lab.
lab: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/ornstein lab

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Two workers of one thread each: small tensors gain nothing from a second thread, and threads of several processes wait for each other.
test: lint
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 -m "not slow"

test-all: lint
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2
	$(BIN)/python tests/planted.py

docs: $(READY)
	$(BIN)/pytest tests/test_docs.py
	$(BIN)/pdoc --output-directory build/api ornstein

bench: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r benchmarks/requirements.txt
	for b in benchmarks/bench_*.py; do $(BIN)/python $$b || exit 1; done

clean:
	rm -rf .venv build dist demo .pytest_cache .mypy_cache .ruff_cache .hypothesis
