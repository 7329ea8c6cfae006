# Two commands on a fresh machine: `make demo` and `make test`. Both create the environment when it is not there.
PYTHON ?= python3.11
BIN := .venv/bin
READY := .venv/.ready

.PHONY: demo lab browser pages test test-all test-interop lint docs bench bench-gpu clean

$(READY): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

demo: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/ornstein demo --force

# The page of one's own signals; what is opened and computed is kept in ./ornstein-lab.
lab: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/ornstein lab

# Chromium and a Chinese font for the tests of pages, where apt is at hand; elsewhere they use a Chromium that is there, or are skipped.
browser:
	@if command -v chromium >/dev/null && fc-list :lang=zh 2>/dev/null | grep -q .; then echo "Chromium and a Chinese font are here"; \
	elif command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium fonts-noto-cjk fontconfig >/dev/null; \
	else echo "no apt here as root: the tests of pages use a Chromium that is installed, or are skipped"; fi

# Every page of the lab and the tour in both languages and themes on three widths, checked, and kept as pictures to look at in build/pages.
pages: $(READY)
	ORNSTEIN_SHEETS=build/pages OMP_NUM_THREADS=1 $(BIN)/pytest -q tests/lab/test_every_page.py

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Workers of one thread each: small tensors gain nothing from a second thread, and threads of several processes wait for each other. Three
# for two cores, since tests of pages and of processes wait as long as they compute. Compiled modules are kept whatever the shell says:
# the workers and the processes of tests would each compile the same files again.
test: lint
	PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 $(BIN)/pytest -n 3 --dist worksteal -m "not slow"

test-all: lint
	PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 $(BIN)/pytest -n 3 --dist worksteal
	$(BIN)/python tests/planted.py

# Only the round trips with objects of MNE, pandas, polars, xarray, sktime and Dask, which are in the environment: a part of `test`.
# aeon is skipped there, since its numba wants a NumPy before 2.4; it is tried in an environment of its own, by
#     python -m venv build/aeon && build/aeon/bin/pip install . aeon pytest hypothesis && build/aeon/bin/pytest tests/data/test_aeon.py
test-interop: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/pytest -m "not slow" tests/data/test_objects.py tests/data/test_framed.py tests/data/test_labelled.py tests/data/test_aeon.py \
	  tests/model/test_mne_doors.py tests/model/test_uneven.py tests/shards/test_workers.py

docs: $(READY)
	$(BIN)/pytest tests/test_docs.py
	$(BIN)/pdoc --output-directory build/api ornstein

bench: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r benchmarks/requirements.txt
	for b in benchmarks/bench_*.py; do $(BIN)/python $$b || exit 1; done

# One card, at most eight minutes; without a card every part in the small.
bench-gpu: $(READY)
	$(BIN)/python benchmarks/gpu.py

clean:
	rm -rf .venv build dist demo .pytest_cache .mypy_cache .ruff_cache .hypothesis
