"""Every planted error finds its line: text only, so that it is noticed with the change that moved the line."""

from __future__ import annotations

import tomllib
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from planted import PACKAGE, TESTS, Mistake

LISTS = sorted((TESTS / "planted").glob("*.toml"))


def mistakes(file: Path) -> list[Mistake]:
    return [Mistake(**row) for row in tomllib.loads(file.read_text(encoding="utf-8"))["mistake"]]


@cache
def source(file: str) -> str:
    return (PACKAGE / file).read_text(encoding="utf-8")


@pytest.mark.parametrize("file", LISTS, ids=lambda file: file.stem)
def test_every_line_is_there_once_and_its_tests_exist(file: Path) -> None:
    for mistake in mistakes(file):
        assert (PACKAGE / mistake.file).is_file(), f"{mistake.what}: {mistake.file} does not exist"
        found = source(mistake.file).count(mistake.old)
        assert found == 1, f"{mistake.what}: its line is found {found} times in {mistake.file}, not once"
        assert (TESTS / mistake.tests).exists(), f"{mistake.what}: {mistake.tests} does not exist"


@pytest.mark.parametrize("file", LISTS, ids=lambda file: file.stem)
def test_every_mistake_is_python_that_differs(file: Path) -> None:
    """A mistake that cannot be compiled, or changes nothing, would prove nothing about the tests."""
    for mistake in mistakes(file):
        assert mistake.old != mistake.new, mistake.what
        if mistake.file.endswith(".py"):
            compile(source(mistake.file).replace(mistake.old, mistake.new), mistake.file, "exec")


def test_no_description_is_given_twice() -> None:
    said = Counter(mistake.what for file in LISTS for mistake in mistakes(file))
    assert not [what for what, count in said.items() if count > 1]
