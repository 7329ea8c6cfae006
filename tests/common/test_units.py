"""Units: what converts, by which factor, and what does not."""

import pytest

from ornstein.common.units import conversion


@pytest.mark.parametrize(
    ("old", "new", "factor", "offset"),
    [
        ("mV", "µV", 1e3, 0.0),
        ("uV", "µV", 1.0, 0.0),
        ("\u03bcV", "\u00b5V", 1.0, 0.0),
        ("V", "nV", 1e9, 0.0),
        ("kPa", "mmHg", 7.500615758, 0.0),
        ("mbar", "hPa", 1.0, 0.0),
        ("min", "s", 60.0, 0.0),
        ("ms", "s", 1e-3, 0.0),
        ("kWh", "MJ", 3.6, 0.0),
        ("m/s²", "m/s^2", 1.0, 0.0),
        ("km/h", "m/s", 1 / 3.6, 0.0),
        ("degC", "K", 1.0, 273.15),
        ("°F", "°C", 5 / 9, -160 / 9),
        ("%", "1", 0.01, 0.0),
        ("bpm", "Hz", 1 / 60, 0.0),
        ("widgets", "widgets", 1.0, 0.0),
        ("kohm", "kΩ", 1.0, 0.0),
        ("mg", "g", 1e-3, 0.0),
        ("µS", "S", 1e-6, 0.0),
    ],
)
def test_units_of_one_dimension_convert(old, new, factor, offset):
    found = conversion(old, new)
    assert found == pytest.approx((factor, offset), rel=1e-9, abs=1e-9)
    back = conversion(new, old)
    assert found.factor * back.factor == pytest.approx(1)
    assert found.factor * back.offset + found.offset == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    ("old", "new"), [("mV", "mA"), ("s", "S"), ("m", "mm Hg"), ("K", "kg"), ("widgets", "µV"), ("Hz", "s"), ("d", "deg")]
)
def test_units_of_different_dimensions_do_not(old, new):
    assert conversion(old, new) is None
