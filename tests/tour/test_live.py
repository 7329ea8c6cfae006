"""The lesson's scene and its training: plain JSON, and the numbers of the tour."""

import base64
import json

import numpy as np
import pytest
import torch

from ornstein.common.errors import InputError
from ornstein.covariance import Dense
from ornstein.tour import compute, lesson_training, scene
from ornstein.tour.compute import laws

torch.set_num_threads(1)
TRAINING = 20


def decoded(entry):
    return np.frombuffer(base64.b64decode(entry["data"]), "<f4").reshape(entry["shape"])


@pytest.fixture(scope="module")
def curve():
    return torch.randn(40, generator=torch.Generator().manual_seed(1)).cumsum(0)


@pytest.fixture(scope="module")
def tour(curve):
    return compute(curve, training=TRAINING)


@pytest.fixture(scope="module")
def events(curve):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ornstein.tour.live.LOOKS", 4)
        return [json.loads(json.dumps(event, allow_nan=False)) for event in lesson_training(curve, training=TRAINING)]


def test_a_scene_is_the_tour_without_its_training(curve, tour):
    sent = json.loads(json.dumps(scene(curve), allow_nan=False))
    assert sent["own"]
    assert not sent["averaged"]
    assert sent["numbers"].items() <= tour.numbers.items()
    for name, entry in sent["arrays"].items():
        if name in tour.arrays:
            np.testing.assert_allclose(decoded(entry), tour.arrays[name], rtol=1e-6, atol=1e-7)
    for name, law in zip(("kernel", "ensemble"), laws(tour.curve.values), strict=True):
        basis = torch.from_numpy(decoded(sent["arrays"][f"basis_{name}"]).astype(float))
        again = Dense.from_eigen(basis, law.eigenvalues).dense()
        torch.testing.assert_close(again, law.dense(), rtol=0, atol=1e-5)


def test_the_default_curve_is_nobodys_own_and_a_long_one_is_averaged():
    assert not scene()["own"]
    assert scene(torch.arange(300.0).sin())["averaged"]


def test_the_events_add_up_to_the_training_of_the_tour(events, tour):
    *looks, last = events
    losses = [loss for event in looks for loss in event["losses"]]
    np.testing.assert_allclose(losses, tour.arrays["losses"], rtol=1e-12)
    assert [event["step"] for event in looks] == sorted({event["step"] for event in looks})
    assert looks[-1]["step"] == looks[-1]["of"] == TRAINING
    np.testing.assert_allclose(decoded(looks[-1]["run"]), tour.arrays["reverse_learned"], rtol=1e-5, atol=1e-6)
    assert looks[-1]["rms"] == pytest.approx(tour.numbers["reverse_learned_rms"], rel=1e-12)
    opened = set(scene(tour.curve.values)["numbers"])
    assert last["numbers"] == {name: value for name, value in tour.numbers.items() if name not in opened}


def test_a_training_that_is_left_has_done_no_more(curve):
    first = next(lesson_training(curve, training=1000))
    assert first["step"] == 40
    assert len(first["losses"]) == 40


def test_too_short_a_training_is_refused(curve):
    with pytest.raises(InputError, match="training"):
        next(lesson_training(curve, training=5))
