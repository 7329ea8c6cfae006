"""Jobs: everything that happens is told once, in order, to whoever follows, whenever; and every job has an end."""

import numpy as np
import pytest
from laboratory import opened

from ornstein.lab import wire
from ornstein.tour.compute import compute

STEPS = 20


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    with opened(tmp_path_factory.mktemp("lab")) as laboratory:
        yield laboratory


@pytest.mark.slow
def test_a_training_in_the_lab_is_that_of_the_tour(lab):
    training = lab.done("train-reversal", steps=STEPS)
    told, arrays = wire.unpack(lab.get(f"/api/jobs/{training}/parts/result").content)
    tour = compute(training=STEPS)
    for name, values in arrays.items():
        np.testing.assert_allclose(values, tour.arrays[name], rtol=1e-5, atol=1e-6, err_msg=name)
    for name, value in told["numbers"].items():
        assert value == pytest.approx(tour.numbers[name], rel=1e-9), name
    last = [event for event in lab.events(training) if "part" in event][-1]
    _, moment = wire.unpack(lab.get(f"/api/jobs/{training}/parts/{last['part']}").content)
    np.testing.assert_array_equal(moment["run"], arrays["reverse_learned"])
