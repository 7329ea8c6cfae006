"""Widgets without a notebook: their values in Python, their modules in Node, on a page that answers as anywidget's models do."""

import base64
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch

from ornstein import views
from ornstein.common.errors import InputError
from ornstein.covariance import Dense
from ornstein.data.laws import cosines_covariance
from ornstein.denoisers import Gaussian
from ornstein.tour.reversal import reverse

pytest.importorskip("anywidget")
from ornstein import widgets
from ornstein.widgets.base import module

torch.set_num_threads(1)
NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="needs node to run the widgets")
D = 40
NOTEBOOK = ("layout", "tabbable", "tooltip", "comm")
KINDS = {"diffusion": (), "gap": ("law",), "spectrum": (), "pad": ()}


@pytest.fixture(scope="module")
def law():
    return Gaussian(torch.zeros(D, dtype=torch.float64), Dense(cosines_covariance(D)))


@pytest.fixture(scope="module")
def made(law):
    curve = law.operator.color(torch.randn(D, generator=torch.Generator().manual_seed(1), dtype=torch.float64))
    return {
        "diffusion": widgets.Diffusion(curve, law),
        "gap": widgets.Gap(curve, law, noise=0.1),
        "spectrum": widgets.Spectrum(law),
        "pad": widgets.Pad(D),
    }


@pytest.fixture(scope="module")
def found(made, tmp_path_factory):
    folder = tmp_path_factory.mktemp("widgets")
    sent = {}
    for name, widget in made.items():
        (folder / f"{name}.mjs").write_text(module(name, *KINDS[name]), encoding="utf-8")
        traits = {key: getattr(widget, key) for key in widget.traits(sync=True) if not key.startswith("_") and key not in NOTEBOOK}
        sent[name] = {
            key: {"bytes": base64.b64encode(value).decode()} if isinstance(value, bytes) else value for key, value in traits.items()
        }
    (folder / "sent.json").write_text(json.dumps(sent))
    shutil.copy(Path(__file__).parent / "page.mjs", folder / "run.mjs")
    done = subprocess.run([NODE, "run.mjs"], cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@needs_node
@pytest.mark.parametrize("name", KINDS)
def test_a_widget_draws_and_draws_again_when_it_is_touched(found, name):
    told = found[name]
    assert told["broken"] == []
    assert min(told["first"]) > 10
    assert all(after > first for first, after in zip(told["first"], told["after"], strict=True))


@needs_node
def test_what_a_hand_did_is_a_value_of_python(found, made):
    ((first, last),) = found["gap"]["told"]["gaps"]
    assert 5 < first < last < D - 5
    values = found["pad"]["told"]["values"]
    assert len(values) == D
    assert all(-1 <= v <= 1 for v in values)
    pad = made["pad"]
    pad.values = values
    assert widgets.Diffusion(pad.values).curve


def test_a_gap_has_the_posterior_of_the_law(made, law):
    gap = made["gap"]
    gap.gaps = [[3, 9], [20, 20]]
    seen = gap.observed
    assert (~seen).nonzero().flatten().tolist() == [*range(3, 10), 20]
    posterior = gap.posterior()
    deviation = posterior.operator.diagonal().sqrt()
    assert float(deviation[~seen].mean()) > 2 * float(deviation[seen].mean())


def test_what_is_sent_is_what_was_computed(made, law):
    np.testing.assert_allclose(np.frombuffer(made["spectrum"].eigenvalues, "<f4"), law.operator.eigenvalues, atol=1e-6)
    path = np.frombuffer(made["diffusion"].path, "<f4").reshape(101, D)
    np.testing.assert_allclose(path, reverse(law, 0), atol=1e-5)
    assert not made["diffusion"].aimed
    assert widgets.Diffusion(np.sin(np.arange(50.0))).aimed


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda law: widgets.Gap(torch.zeros(D + 1), law), "points"),
        (lambda law: widgets.Gap(torch.zeros(D), object()), "mean and a covariance"),
        (lambda law: widgets.Gap(torch.zeros(D), law, noise=0), "noise"),
        (lambda law: widgets.Spectrum(Gaussian(torch.zeros(300), Dense(torch.eye(300, dtype=torch.float64)))), "256"),
        (lambda law: widgets.Pad(3), "points"),
        (lambda law: widgets.Pad(language="fr"), "language"),
    ],
)
def test_what_cannot_be_shown_is_refused_with_a_sentence(law, call, says):
    with pytest.raises(InputError, match=says):
        call(law)


def test_modules_need_nothing_else():
    for name, shared in KINDS.items():
        source = module(name, *shared)
        assert not re.search(r"^import |https?://(?!www\.w3\.org/)", source, re.M)
        names = re.findall(r"^(?:function|const|let) (\w+)", source, re.M)
        assert len(names) == len(set(names)), name
        assert views.source("arrays").splitlines()[0] in source
