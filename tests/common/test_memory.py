"""What a machine cannot hold is refused in one sentence, before anything is allocated."""

from __future__ import annotations

import pytest

from ornstein.common import checks, memory
from ornstein.common.errors import InputError


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "machine", lambda: 8000)


def test_what_fits() -> None:
    assert memory.drawn(100, "cases", 10) == 100
    assert memory.drawn(200, "cases", 10, size=4) == 200
    assert memory.drawn(1, "cases", 0, first=checks.COUNTABLE) == 1


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: memory.drawn(101, "cases", 10), "cases is 101, which takes 8.08 kB for the result alone, but this machine has 8 kB: ask"),
        (lambda: memory.drawn(10**18, "draws", 24), "draws is 1000000000000000000, which takes 192 EB"),
        (lambda: memory.drawn(2, "cases", 0, first=checks.COUNTABLE), "the number of the last case must be at most 9223372036854775807"),
        (lambda: memory.drawn(1, "cases", 1, first=1 << 63), "first is 9223372036854775808, but counts go up to"),
        (lambda: memory.drawn(1, "cases", 1, first=-1), "first is -1"),
        (lambda: memory.drawn(1.5, "cases", 1), "cases is 1.5, but must be a whole number"),
    ],
)
def test_what_does_not(call: object, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        call()  # type: ignore[operator]


def test_the_machine_has_memory(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.undo()
    assert 1 << 28 < memory.machine() <= 1 << 40
    limit = tmp_path / "memory.max"
    for text, expected in (("4096\n", 4096), ("max\n", memory.machine())):
        limit.write_text(text)
        monkeypatch.setattr(memory, "_CGROUPS", (limit,) if text[0] == "4" else (limit, *memory._CGROUPS))
        assert memory.machine.__wrapped__() == expected


def test_bytes_in_words() -> None:
    assert [memory.spoken(n) for n in (12, 8.4e9, 999.6, 2.5e21)] == ["12 bytes", "8.4 GB", "1 kB", "2.5e+03 EB"]
