"""Every measurement is the linear map it says it is: against its matrix, its adjoint, and in composition."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ornstein.common.errors import InputError
from ornstein.common.linear import LinearMap
from ornstein.common.random import Noise
from ornstein.measurements import Average, Blur, Composition, Downsample, Fourier, Linear, Mask, Measurement, Mix

TAPS = torch.tensor([0.5, 1.0, -0.25], dtype=torch.float64)
MATRIX = Noise(9).normal(4, (24,))
TIMES = torch.arange(12) % 5 != 0
ENTRIES = (torch.arange(24) % 7 > 1).view(2, 12)


def blur(taps: Tensor, length: int) -> np.ndarray:
    """y_t = sum_k taps_k x_{t + k - c}, entry by entry."""
    centre = len(taps) // 2
    matrix = np.zeros((length, length))
    for t in range(length):
        for k, tap in enumerate(taps.tolist()):
            if 0 <= t + k - centre < length:
                matrix[t, t + k - centre] += tap
    return matrix


def each_channel(matrix: np.ndarray) -> np.ndarray:
    return np.kron(np.eye(2), matrix)


def fourier(frequencies: list[int], length: int) -> np.ndarray:
    """Cosines, then minus sines where there are any, over sqrt(length)."""
    angles = 2 * np.pi * np.outer(frequencies, np.arange(length)) / length
    turning = [k > 0 and 2 * k != length for k in frequencies]
    return np.concatenate([np.cos(angles), -np.sin(angles)[turning]]) / np.sqrt(length)


MONTAGE = torch.tensor([[1.0, -1.0], [0.5, 0.5], [0.0, 2.0]], dtype=torch.float64)
EYE = np.eye(12)
SLOW = np.kron(np.eye(4), np.full((1, 3), 1 / 3))
ROWS: list[tuple[str, Measurement, np.ndarray, tuple[int, ...]]] = [
    ("mask of entries", Mask(ENTRIES), np.eye(24)[ENTRIES.flatten().numpy()], (int(ENTRIES.sum()),)),
    ("mask of times", Mask(TIMES), each_channel(EYE[TIMES.numpy()]), (18,)),
    ("mask of nothing", Mask(torch.zeros(12, dtype=torch.bool)), np.zeros((0, 24)), (0,)),
    ("linear", Linear(MATRIX), MATRIX.numpy(), (4,)),
    ("blur", Blur(TAPS), each_channel(blur(TAPS, 12)), (2, 12)),
    ("blur longer than the signal", Blur(torch.arange(29.0)), each_channel(blur(torch.arange(29.0), 12)), (2, 12)),
    ("downsample", Downsample(5), each_channel(EYE[::5]), (2, 3)),
    ("downsample beyond the end", Downsample(100), each_channel(EYE[:1]), (2, 1)),
    ("average", Average(3), each_channel(SLOW), (2, 4)),
    ("average of one", Average(1), np.eye(24), (2, 12)),
    ("fourier", Fourier(torch.tensor([3, 0, 6, 1])), each_channel(fourier([3, 0, 6, 1], 12)), (2, 6)),
    ("every frequency", Fourier(torch.arange(7)), each_channel(fourier(list(range(7)), 12)), (2, 12)),
    ("no frequency", Fourier(torch.zeros(0)), np.zeros((0, 24)), (2, 0)),
    ("mix", Mix(MONTAGE), np.kron(MONTAGE.numpy(), EYE), (3, 12)),
    ("fourier of a mix", Fourier([2]) @ Mix(MONTAGE), np.kron(MONTAGE.numpy(), fourier([2], 12)), (3, 2)),  # type: ignore[arg-type]
    ("blur, then downsample", Downsample(4) @ Blur(TAPS), each_channel(EYE[::4] @ blur(TAPS, 12)), (2, 3)),
    ("average, then mask", Mask(torch.tensor([True, False, True, True])) @ Average(3), each_channel(SLOW[[0, 2, 3]]), (6,)),
    ("three", Mask(torch.tensor([True, False])) @ Downsample(2) @ Average(3), each_channel(SLOW[::2][:1]), (2,)),
    ("downsample, then mask", Mask(torch.tensor([True, False, True])) @ Downsample(4), each_channel(EYE[[0, 8]]), (4,)),
]
NAMES = [row[0] for row in ROWS]
every_measurement = pytest.mark.parametrize(("measurement", "matrix", "shape"), [row[1:] for row in ROWS], ids=NAMES)
EVENT = (2, 12)


def close(a: Tensor, b: Tensor | np.ndarray) -> None:
    b = torch.as_tensor(b)
    assert a.shape == b.shape
    torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


@every_measurement
def test_matrix(measurement: Measurement, matrix: np.ndarray, shape: tuple[int, ...]) -> None:
    x = Noise(0).normal(5, EVENT)
    bound = measurement.bind(EVENT)
    assert measurement.output_shape(EVENT) == shape
    assert (bound.size_in, bound.size_out) == (24, math.prod(shape))
    close(bound.matrix(), matrix)
    close(measurement(x), (x.flatten(1).numpy() @ matrix.T).reshape(5, *shape))
    close(bound(x.view(5, 1, 24)), (x.flatten(1).numpy() @ matrix.T).reshape(5, 1, -1))
    assert measurement(x.float()).dtype == torch.float32


@every_measurement
@given(seed=st.integers(0, 2**31))
def test_adjoint(measurement: Measurement, matrix: np.ndarray, shape: tuple[int, ...], seed: int) -> None:
    """<A x, y> = <x, A^T y>."""
    bound = measurement.bind(EVENT)
    x, y = Noise(seed).normal(3, (24,)), Noise(seed + 1).normal(3, (math.prod(shape),))
    close((bound(x) * y).sum(-1), (x * bound.adjoint(y)).sum(-1))
    close(bound.adjoint(y), y.numpy() @ matrix)
    close(bound.adjoint(y[0]), y[0].numpy() @ matrix)


@every_measurement
def test_adjoint_where_gradients_are_off_or_on(measurement: Measurement, matrix: np.ndarray, shape: tuple[int, ...]) -> None:
    bound, y = measurement.bind(EVENT), Noise(1).normal(2, (math.prod(shape),))
    with torch.no_grad():
        close(bound.adjoint(y), y.numpy() @ matrix)
    weight = y.clone().requires_grad_()
    bound.adjoint(weight).square().sum().backward()
    close(weight.grad, 2 * y.numpy() @ matrix @ matrix.T)


def test_selecting_means_distinct_unit_rows() -> None:
    for name, measurement, matrix, _ in ROWS:
        selects = measurement.bind(EVENT).selects
        assert selects == name.startswith(("mask", "downsample")), name
        if selects:
            assert np.array_equal(matrix @ matrix.T, np.eye(len(matrix))), name


def test_one_blur_serves_every_shape() -> None:
    for event in ((7,), (3, 7), (2, 3, 7)):
        x = Noise(0).normal(2, event)
        close(Blur(TAPS)(x), x.numpy() @ blur(TAPS, 7).T)
    assert Blur(TAPS)(torch.zeros(0, 7)).shape == (0, 7)


def test_every_frequency_holds_the_whole_signal() -> None:
    for length in (7, 12):
        matrix = Fourier(torch.arange(length // 2 + 1)).bind((length,)).matrix()
        assert matrix.shape == (length, length)
        close(matrix @ matrix.T, torch.diag((matrix @ matrix.T).diagonal()))
        assert bool((matrix.square().sum(1) > 0.4).all())


def test_channels_of_images_are_mixed() -> None:
    x = Noise(0).normal(3, (2, 4, 5))
    close(Mix(MONTAGE)(x), torch.einsum("ic,nchw->nihw", MONTAGE, x))


def test_composition_is_associative() -> None:
    a, b, c = Downsample(2), Average(3), Blur(TAPS)
    assert isinstance(a @ b, Composition)
    close(((a @ b) @ c).bind(EVENT).matrix(), (a @ (b @ c)).bind(EVENT).matrix())


def test_chosen_and_rotated_rows() -> None:
    bound = Linear(MATRIX).bind(EVENT)
    chosen = torch.tensor([2, 0])
    close(bound.rows(chosen).matrix(), MATRIX[chosen])
    assert bound.rows(chosen).size_out == 2
    turn = torch.linalg.qr(Noise(3).normal(4, (4,)))[0]
    rotated = bound.rotated(lambda y: y @ turn)
    close(rotated.matrix(), turn.T @ MATRIX)
    close(rotated.adjoint(torch.ones(4, dtype=torch.float64)), torch.ones(4, dtype=torch.float64) @ turn.T @ MATRIX)
    assert not Mask(TIMES).bind(EVENT).rotated(lambda y: y).selects
    assert Mask(TIMES).bind(EVENT).rows(chosen).selects
    assert LinearMap(lambda x: 2 * x, 3, 3).matrix(torch.float32).dtype == torch.float32


@pytest.mark.parametrize("observed", [ENTRIES, ENTRIES.numpy(), ENTRIES.tolist(), ENTRIES.numpy()[::1, ::-1]])
def test_masks_from_any_array_of_booleans(observed: object) -> None:
    x = Noise(0).normal(2, EVENT)
    close(Mask(observed)(x), x[:, torch.from_numpy(np.ascontiguousarray(observed))])  # type: ignore[arg-type]


BAD = [
    (lambda: Mask(torch.ones(12)), "observed holds float32 values, but must be boolean"),
    (lambda: Mask([0, 1]), "observed holds int64 values, but must be boolean"),  # type: ignore[arg-type]
    (lambda: Mask(["yes"]), "observed holds words"),  # type: ignore[arg-type]
    (lambda: Mask(np.array([None, True])), "observed holds None beside"),  # type: ignore[arg-type]
    (lambda: Mask([[True], [True, False]]), "observed has rows of different lengths"),  # type: ignore[arg-type]
    (
        lambda: Mask(torch.ones(5, dtype=torch.bool)).bind(EVENT),
        r"observed has shape \(5,\), but must be \(2, 12\) like one signal, or \(12,\)",
    ),
    (lambda: Mask(torch.tensor(True)).bind(EVENT), r"observed has shape \(\)"),
    (lambda: Mask(torch.ones(12, 2, dtype=torch.bool))(torch.zeros(3, 2, 12)), r"observed has shape \(12, 2\)"),
    (lambda: Linear(torch.ones(3)), "matrix has 1 axes"),
    (lambda: Linear(torch.full((2, 3), math.nan)), "matrix holds 6 NaN values"),
    (lambda: Linear([["a"]]), "matrix holds words"),  # type: ignore[arg-type]
    (lambda: Linear(torch.ones(2, 5)).bind(EVENT), r"matrix has shape \(2, 5\), but signals \(2, 12\) need 24 columns"),
    (lambda: Blur(torch.ones(4)), "kernel has 4 taps, but needs an odd number"),
    (lambda: Blur(torch.ones(0)), "kernel has 0 taps, but needs an odd number"),
    (lambda: Blur(torch.ones(1, 3)), "kernel has 2 axes"),
    (lambda: Blur(torch.tensor([1.0, math.inf, 1.0])), "kernel holds 1 infinite value"),
    (lambda: Fourier([0.5]), "frequencies holds 0.5, but must be whole numbers"),  # type: ignore[arg-type]
    (lambda: Fourier([-1]), "frequencies holds -1"),  # type: ignore[arg-type]
    (lambda: Fourier([1, 2, 1]), "frequencies holds a number twice"),  # type: ignore[arg-type]
    (lambda: Fourier([7]).bind(EVENT), "frequencies holds 7, but signals of length 12 have those from 0 to 6"),  # type: ignore[arg-type]
    (lambda: Mix(torch.ones(3, 3)).bind(EVENT), r"matrix has shape \(3, 3\), but signals \(2, 12\) need 2 columns, one a channel"),
    (lambda: Mix(torch.ones(3, 12)).bind((12,)), r"Mix sums over channels, but signals of shape \(12,\) have none: use Linear"),
    (lambda: Mix(torch.ones(3)), "matrix has 1 axes"),
    (lambda: Downsample(0), "factor is 0, but must be a whole number of at least 1"),
    (lambda: Downsample(-1), "factor is -1"),
    (lambda: Downsample("ten"), "factor is 'ten'"),  # type: ignore[arg-type]
    (lambda: Average(2.5), "factor is 2.5"),  # type: ignore[arg-type]
    (lambda: Average(True), "factor is True"),
    (lambda: Average(5).bind(EVENT), "factor is 5, but must divide the length 12"),
    (lambda: (Average(5) @ Downsample(2)).bind(EVENT), "factor is 5, but must divide the length 6"),
    (lambda: (Linear(torch.ones(2, 24)) @ Downsample(2)).bind(EVENT), r"signals \(2, 6\) need 12 columns"),
]


@pytest.mark.parametrize(("call", "sentence"), BAD, ids=[sentence for _, sentence in BAD])
def test_bad_input_is_one_sentence(call: object, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence) as caught:
        call()  # type: ignore[operator]
    assert "\n" not in str(caught.value)
