"""Planted errors: one-line mathematical mistakes, one at a time, each of which the suite must notice. Run by ``make test-all``.

    python tests/planted.py            every mistake of the folder planted/
    python tests/planted.py heun evid  those whose description contains a word, against the tests of their layer alone

A copy of the package gets one wrong line; the tests of its layer run against the copy, and in a full run the whole suite where
those pass.
First the same tests must pass on an unchanged copy. The exit status is 0 only if they do, every line was found exactly once,
and every mistake was caught by a failing test.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

TESTS = Path(__file__).resolve().parent
PACKAGE = TESTS.parent / "src" / "ornstein"
WORKERS = 2
# refuses to run against the installed package, whatever the import path says
RUN = """
import sys, pytest, ornstein
sys.exit(pytest.main(sys.argv[2:]) if ornstein.__file__.startswith(sys.argv[1]) else "the copy was not imported")
"""
PASSED, FAILED = 0, 1


class Mistake(NamedTuple):
    """``old`` becomes ``new`` in ``file``; ``tests`` should notice."""

    what: str
    file: str
    old: str
    new: str
    tests: str


class Outcome(NamedTuple):
    """Whether a mistake was caught, and by which test, or what went wrong."""

    caught: bool
    by: str


def plant(mistake: Mistake, package: Path, *, widely: bool) -> Outcome:
    """One copy of the package, one wrong line, one run; ``widely``: and one of the whole suite where that passes."""
    source = (package / mistake.file).read_text(encoding="utf-8")
    found = source.count(mistake.old)
    if found != 1:
        return Outcome(False, f"its line was found {found} times in {mistake.file}, not once")
    wrong = source.replace(mistake.old, mistake.new)
    for where in (TESTS / mistake.tests, TESTS)[: 1 + widely]:
        code, output = run([where], package, {mistake.file: wrong})
        failed = re.search(r"^FAILED (\S+)", output, re.MULTILINE)
        if code == FAILED and failed:
            return Outcome(True, failed[1].removeprefix("tests/"))
        if code != PASSED:
            return Outcome(False, f"pytest ended with status {code}: {output[-400:]}")
    return Outcome(False, "the whole suite passes" if widely else f"{mistake.tests} passes")


def run(where: list[Path], package: Path, changed: dict[str, str]) -> tuple[int, str]:
    """Run tests against a copy of the package with some files changed, until the first failure: (exit status, output)."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder).resolve() / "ornstein"
        shutil.copytree(package, copy)
        for name, text in changed.items():
            (copy / name).write_text(text, encoding="utf-8")
        environment = os.environ | {"PYTHONPATH": str(copy.parent), "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
        options = ["-x", "-m", "not slow", "--tb=no", "-rf"]
        command = [sys.executable, "-c", RUN, str(copy), *options, *map(str, where)]
        done = subprocess.run(command, cwd=TESTS.parent, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def main(words: list[str]) -> int:
    """Plant them all and print the table."""
    tables = [tomllib.loads(file.read_text(encoding="utf-8"))["mistake"] for file in sorted((TESTS / "planted").glob("*.toml"))]
    mistakes = [Mistake(**row) for table in tables for row in table]
    chosen = [m for m in mistakes if not words or any(w.lower() in m.what.lower() for w in words)]
    caught = 0
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(WORKERS) as pool:
        package = Path(folder) / "ornstein"  # one state of the source for the whole run
        shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
        code, output = run(sorted({TESTS / m.tests for m in chosen}), package, {})
        if code != PASSED:
            print(f"the tests do not pass with nothing planted:\n{output}")
            return 1
        for mistake, outcome in zip(chosen, pool.map(lambda m: plant(m, package, widely=not words), chosen), strict=True):
            caught += outcome.caught
            print(f"{'caught' if outcome.caught else 'MISSED'}  {mistake.what:<54}  {outcome.by}", flush=True)
    print(f"{caught} of {len(chosen)} planted mistakes were caught")
    return 0 if chosen and caught == len(chosen) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
