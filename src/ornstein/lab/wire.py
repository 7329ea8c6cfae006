"""One binary answer: named Float32 arrays behind a header in JSON, which a page reads without copying.

    length of the header (4 bytes, little-endian) | header (JSON, padded with blanks to a multiple of 4) | Float32 arrays, little-endian

The header is whatever is told beside the arrays, and ``arrays``: name -> {"shape", "at"}, the place counted in numbers from the first.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

TYPE = "application/vnd.ornstein.arrays"

Array = npt.NDArray[Any]


def pack(told: Mapping[str, Any], arrays: Mapping[str, Any]) -> bytes:
    """The answer as bytes. Numbers that JSON lacks become null; arrays may hold them."""
    found = {name: np.ascontiguousarray(values, dtype="<f4") for name, values in arrays.items()}
    places, at = {}, 0
    for name, values in found.items():
        places[name] = {"shape": list(values.shape), "at": at}
        at += values.size
    head = json.dumps(plain({**told, "arrays": places}), ensure_ascii=False, allow_nan=False).encode()
    head += b" " * (-len(head) % 4)
    return b"".join([len(head).to_bytes(4, "little"), head, *(values.tobytes() for values in found.values())])


def unpack(content: bytes) -> tuple[dict[str, Any], dict[str, Array]]:
    """What was told and the arrays of an answer."""
    size = int.from_bytes(content[:4], "little")
    told = json.loads(content[4 : 4 + size])
    numbers = np.frombuffer(content, "<f4", offset=4 + size)
    places = told.pop("arrays")
    return told, {name: numbers[p["at"] : p["at"] + math.prod(p["shape"])].reshape(p["shape"]) for name, p in places.items()}


def plain(value: Any) -> Any:
    """``value`` in what JSON has: tensors and arrays as lists, and null for numbers that are not finite."""
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    return value
