"""Units of one dimension: how a number in one becomes a number in another."""

from __future__ import annotations

from typing import NamedTuple

PREFIXES = {"": 0, "f": -15, "p": -12, "n": -9, "µ": -6, "u": -6, "m": -3, "c": -2, "d": -1, "h": 2, "k": 3, "M": 6, "G": 9}
"""Powers of ten that stand before a unit."""

SCALED = ("mol", "bar", "Wh", "Pa", "Hz", "VA", "eV", "V", "A", "W", "J", "N", "T", "m", "g", "s", "S", "Ω", "K", "L", "l")
"""Units that take prefixes."""

OTHERS: dict[str, tuple[str, float, float]] = {
    "min": ("s", 60.0, 0.0),
    "h": ("s", 3600.0, 0.0),
    "d": ("s", 86400.0, 0.0),
    "bpm": ("Hz", 1 / 60, 0.0),
    "Wh": ("J", 3600.0, 0.0),
    "l": ("L", 1.0, 0.0),
    "bar": ("Pa", 1e5, 0.0),
    "mmHg": ("Pa", 133.322387415, 0.0),
    "atm": ("Pa", 101325.0, 0.0),
    "m/s": ("m/s", 1.0, 0.0),
    "km/h": ("m/s", 1 / 3.6, 0.0),
    "rad": ("rad", 1.0, 0.0),
    "°": ("rad", 0.017453292519943295, 0.0),
    "1": ("1", 1.0, 0.0),
    "%": ("1", 0.01, 0.0),
    "°C": ("K", 1.0, 273.15),
    "°F": ("K", 5 / 9, 459.67 * 5 / 9),
}
"""unit -> (the unit of its dimension, factor, offset): value in that unit = factor * value + offset."""

SPELLINGS = {
    "ohm": "Ω",
    "Ohm": "Ω",
    "kOhm": "kΩ",
    "kohm": "kΩ",
    "uv": "µV",
    "µv": "µV",
    "mv": "mV",
    "sec": "s",
    "volt": "V",
    "volts": "V",
    "deg": "°",
    "degC": "°C",
    "degF": "°F",
    "℃": "°C",
    "m/s2": "m/s^2",
}
_LETTERS = str.maketrans({"μ": "µ", "²": "^2", " ": None})


class Conversion(NamedTuple):
    """A value in the new unit is factor * value + offset in the old."""

    factor: float
    offset: float


def conversion(old: str, new: str) -> Conversion | None:
    """How values in ``old`` become values in ``new``; None where the two are not known to measure the same thing.

    Knows prefixed units (µV, mV, kPa; "u" and both signs for micro), common families (mmHg, min, km/h, °C, %) and spellings.
    The same word is the same unit, known or not.
    """
    old, new = _spelled(old), _spelled(new)
    if old == new:
        return Conversion(1.0, 0.0)
    one, other = _base(old), _base(new)
    if one is None or other is None or one[0] != other[0]:
        return None
    return Conversion(one[1] / other[1], (one[2] - other[2]) / other[1])


def _spelled(unit: str) -> str:
    plain = unit.translate(_LETTERS)
    return SPELLINGS.get(plain, plain)


def _base(unit: str) -> tuple[str, float, float] | None:
    """(the unit of its dimension, factor, offset) of a spelled unit."""
    if unit in OTHERS:
        return OTHERS[unit]
    for scaled in SCALED:
        prefix = unit.removesuffix(scaled)
        if unit.endswith(scaled) and prefix in PREFIXES:
            base, factor, offset = OTHERS.get(scaled, (scaled, 1.0, 0.0))
            return base, factor * 10.0 ** PREFIXES[prefix], offset
    return None
