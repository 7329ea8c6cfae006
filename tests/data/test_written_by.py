"""Files of other programs are read as what they mean, and the documentation shows exactly that."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from programs import FILES, File

from ornstein.common.signals import Signals
from ornstein.data import read

DOCS = Path(__file__).parents[2] / "docs"


def written(file: File, folder: Path) -> Signals:
    (folder / file.name).write_bytes(file.content)
    return read(folder / file.name, **file.arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.program)
def test_values_rate_names_units_and_labels(tmp_path: Path, file: File) -> None:
    x = written(file, tmp_path)
    assert x.shape == file.values.shape
    assert np.array_equal(x.values.numpy(), file.values)
    assert (x.rate, x.channels, x.units, x.labels) == (file.rate, file.channels, file.units, file.labels)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_table_of_the_documentation_is_what_really_happens(tmp_path: Path, language: str) -> None:
    """``python tests/data/test_written_by.py`` prints the rows."""
    page = (DOCS / language / "files.md").read_text(encoding="utf-8")
    for row in table(tmp_path, language):
        assert row in page


def table(folder: Path, language: str) -> list[str]:
    return [f"| {file.program if language == 'en' else file.zh} | {written(file, folder).summary()} |" for file in FILES]


if __name__ == "__main__":
    import sys
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        print("\n".join(table(Path(folder), sys.argv[1])))
