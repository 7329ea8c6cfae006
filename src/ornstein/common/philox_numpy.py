"""The words of ``common.philox`` by NumPy, for processors: an operation on a few thousand words takes a third of torch's time.

Passes over memory are the price, so there are few. Both lanes of the generator stand in one array, 64 bits a word; a round is one
product for each of them, p = m c, and then, for both at once,

    c <- ((p xor 2^32 q) >> 32) xor k,      q = the product of the round before

The product by 2^32 costs nothing: in memory it is the array q moved by 32 bits. So the exclusive or joins halves of one array with the
halves of the other that lie beside them; what it leaves in the low ones has no meaning, and the shift drops it.
"""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np

from ornstein.common.philox import MULTIPLIERS, WORD, round_keys

Array = np.ndarray[Any, Any]

_M0, _M1, _HALF, _WORD = (np.array(k, np.uint64) for k in (*MULTIPLIERS, 32, WORD))
"""Without axes: NumPy would convert an int at every use."""
_WEYL = np.array(round_keys((0, 0)), np.uint64)
"""What each round adds to the key, (round, lane)."""

_LITTLE = sys.byteorder == "little"
_FROM_LOW, _FROM_HIGH = (slice(None, -1), slice(1, None)) if _LITTLE else (slice(1, None), slice(None, -1))
"""Of an array of halves, the range that begins at a low one and has a low one wherever the other range has a high one."""
_LOW = slice(0 if _LITTLE else 1, None, 2)


class NumpyPhilox:
    """Philox under ``key`` for at most ``most`` counters a call. Memory: six arrays of 64 bits a counter, used again by every call."""

    def __init__(self, key: tuple[int, int], most: int) -> None:
        self.keys = [(k[0, ...], k[1, ...]) for k in (_WEYL + np.array(key, np.uint64)) & _WORD]
        self.lanes = np.empty((3, 2 * most), np.uint64)

    def __call__(self, c0: Array, c1: Array, c2: Array, c3: Array) -> tuple[Array, ...]:
        """Four arrays of words, uint32, of the shape to which the four of the counter broadcast (uint64 that hold 32 bits).

        They are views of memory that the next call writes over.
        """
        multiply, shift, xor = np.multiply, np.right_shift, np.bitwise_xor
        shape = np.broadcast(c0, c1, c2, c3).shape
        n = math.prod(shape)
        lanes = self.lanes[:, : 2 * n]
        c, p, q = lanes
        a, b = c[:n], c[n:]
        whole_a, whole_b = a.reshape(shape), b.reshape(shape)

        # two rounds in which parts of the counter are the same along an axis
        (k0, k1), (l0, l1), (m0, m1) = self.keys[:3]
        p0, p1 = c0 * _M0, c2 * _M1
        c0, c2, c1, c3 = (p1 >> _HALF) ^ k0 ^ c1, (p0 >> _HALF) ^ k1 ^ c3, p1 & _WORD, p0 & _WORD
        p0, p1 = c0 * _M0, c2 * _M1
        xor((p1 >> _HALF) ^ l0, c1, out=whole_a), xor((p0 >> _HALF) ^ l1, c3, out=whole_b)

        # one in which they still are in the product of the round before; from here on the product of lane b stands first
        multiply(a, _M0, out=p[n:]), multiply(b, _M1, out=p[:n]), shift(p, _HALF, out=c)
        xor(whole_a, (p1 & _WORD) ^ m0, out=whole_a), xor(whole_b, (p0 & _WORD) ^ m1, out=whole_b)

        halves = lanes.view(np.uint32)
        target = halves[0, _FROM_HIGH]
        old, new = ((x[:n], x[n:], half[_FROM_LOW], half[_FROM_HIGH]) for x, half in zip((p, q), halves[1:], strict=True))
        for k0, k1 in self.keys[3:]:
            multiply(a, _M0, out=new[1]), multiply(b, _M1, out=new[0])
            xor(new[3], old[2], out=target), shift(c, _HALF, out=c)
            xor(a, k0, out=a), xor(b, k1, out=b)
            old, new = new, old
        return tuple(part.view(np.uint32)[_LOW].reshape(shape) for part in (a, old[0], b, old[1]))
