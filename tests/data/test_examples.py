"""The examples are what their descriptions say."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from ornstein.common.errors import InputError
from ornstein.data import examples


def needs(package: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(importlib.util.find_spec(package) is None, reason=f"needs the files of {package}")


@needs("sktime")
def test_electricity() -> None:
    x = examples.electricity()
    assert (x.shape, x.rate, x.channels) == ((1096, 1, 24), 1 / 3600, ("demand",))
    assert float(x.values[0, 0, 0]) == -0.71051757
    assert float(x.values[67, 0, 0]) == 0.47297301
    assert float(x.values[-1, 0, -1]) == -0.0025421181
    assert float(x.values.mean(2).abs().max()) < 1e-6
    assert float((x.values.std(2) - 1).abs().max()) < 1e-6


@needs("sktime")
def test_ecg() -> None:
    x = examples.ecg()
    assert (x.shape, x.rate, x.channels, x.units) == ((25, 1, 256), 360.0, ("ECG",), ("mV",))
    assert bool((x.values[:, 0].argmax(1) == 96).all())
    steps = x.values / 0.005
    assert torch.allclose(steps, steps.round(), atol=1e-6)
    assert examples.ecg(96).shape == (26, 1, 96)
    assert examples.ecg(256, hop=16).shape == ((7500 - 256) // 16 + 1, 1, 256)
    with pytest.raises(InputError, match="no beat has so many around it"):
        examples.ecg(7500)
    with pytest.raises(InputError, match="window is 7501 samples"):
        examples.ecg(7501)


@needs("sklearn")
def test_digits() -> None:
    x = examples.digits()
    assert (x.shape, x.channels[0], x.rate) == ((1797, 8, 8), "row 0", None)
    assert x.values[0, 0].tolist() == [0, 0, 5, 13, 9, 1, 0, 0]
    assert (float(x.values.min()), float(x.values.max())) == (0, 16)


@needs("sktime")
@needs("sklearn")
def test_packages_are_not_imported() -> None:
    root = Path(examples.__file__).parents[2]
    code = (
        "from ornstein.data import examples as e; e.digits(); e.ecg(); import sys; print('sktime' in sys.modules, 'sklearn' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": str(root)})
    assert done.stdout.strip() == "False False"


@pytest.mark.parametrize("example", [examples.electricity, examples.ecg, examples.digits])
def test_missing_packages(example: object, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"extra demo brings: pip install '\.\[demo\]'"):
        example()  # type: ignore[operator]
    spec = importlib.machinery.ModuleSpec("sktime", None, is_package=True)
    assert spec.submodule_search_locations is not None
    spec.submodule_search_locations.append(str(tmp_path))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    with pytest.raises(InputError, match="is missing in this version of its package"):
        example()  # type: ignore[operator]
