"""The script for a GPU runs in the small where there is none: every part of its table is there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "gpu.py"


@pytest.mark.slow
def test_every_part_runs_in_the_small(tmp_path: Path) -> None:
    environment = os.environ | {"ORNSTEIN_OUT": str(tmp_path)}
    subprocess.run([sys.executable, str(SCRIPT), "--short"], check=True, env=environment, capture_output=True)
    text = (tmp_path / "gpu.md").read_text(encoding="utf-8")
    for part in ("numbers", "eigenbasis", "training", "together", "digits"):
        assert f"| {part} |" in text
    assert (tmp_path / "gpu-digits.png").stat().st_size > 1000
