"""Philox-4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): counters into random words.

Written once for two libraries of arrays: torch on an accelerator, and NumPy on a processor, where an operation on a few thousand
words takes a third of torch's time. Integers are exact, so the words are the same.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

WORD = 0xFFFFFFFF
_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)
_ROUNDS = 10
_SMALL = 2
"""Rounds after which every word depends on the whole counter; before, some are the same along an axis, and computed once."""

Words = tuple[Any, Any, Any, Any]


def philox(counter: Words, key: tuple[int, int], library: ModuleType) -> Words:
    """Four arrays of random words, of the shape to which the four of the counter broadcast; all int64 that hold 32 bits.

    ``library`` is the one of the arrays, ``torch`` or ``numpy``. Products wrap modulo 2^64, which keeps both words exact. Words 1 and 3
    carry bits above 32 from round to round: they only enter by exclusive or, and are cut there. Memory: six arrays of that shape.
    """
    number: Any = np.array if library is np else int  # NumPy would convert an int at every use
    m0, m1, half, word = (number(k) for k in (*_MULTIPLIERS, 32, WORD))
    keys = [tuple(number((k + r * w) & WORD) for k, w in zip(key, _WEYL, strict=True)) for r in range(_ROUNDS)]
    c0, c1, c2, c3 = counter
    for k0, k1 in keys[:_SMALL]:
        p0, p1 = c0 * m0, c2 * m1
        c0, c2 = ((p1 >> half) ^ c1 ^ k0) & word, ((p0 >> half) ^ c3 ^ k1) & word
        c1, c3 = p1, p0
    lanes = library.empty((6, *library.broadcast_shapes(c0.shape, c2.shape)), dtype=library.int64, device=c0.device)
    for lane, c in enumerate((c0, c1, c2, c3)):
        lanes[lane] = c
    c0, c1, c2, c3, p0, p1 = lanes
    multiply, shift, xor, cut = library.multiply, library.bitwise_right_shift, library.bitwise_xor, library.bitwise_and
    for k0, k1 in keys[_SMALL:]:
        multiply(c0, m0, out=p0), multiply(c2, m1, out=p1)
        shift(p1, half, out=c0), xor(c0, c1, out=c0), xor(c0, k0, out=c0), cut(c0, word, out=c0)
        shift(p0, half, out=c2), xor(c2, c3, out=c2), xor(c2, k1, out=c2), cut(c2, word, out=c2)
        c1, c3, p0, p1 = p1, p0, c1, c3
    return c0, cut(c1, word, out=c1), c2, cut(c3, word, out=c3)
