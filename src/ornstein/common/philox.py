"""Philox-4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): counters into random words.

As it is written down, for tensors on any device; ``common.philox_numpy`` has the same words on a processor in fewer passes over memory.
"""

from __future__ import annotations

from torch import Tensor

WORD = 0xFFFFFFFF
MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)
_ROUNDS = 10


def round_keys(key: tuple[int, int]) -> list[tuple[int, int]]:
    """The two words that each round adds by exclusive or."""
    return [((key[0] + r * _WEYL[0]) & WORD, (key[1] + r * _WEYL[1]) & WORD) for r in range(_ROUNDS)]


def philox(key: tuple[int, int], c0: Tensor, c1: Tensor, c2: Tensor, c3: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Four tensors of random words, of the shape to which the four of the counter broadcast; all int64 that hold 32 bits.

    Products wrap modulo 2^64, which keeps both words exact. Words 1 and 3 carry bits above 32 from round to round: they only enter by
    exclusive or, and are cut there. Memory: eight tensors of that shape.
    """
    for k0, k1 in round_keys(key):
        p0, p1 = c0 * MULTIPLIERS[0], c2 * MULTIPLIERS[1]
        # first what is small: at the beginning parts of the counter are the same along an axis
        c0, c2 = ((p1 >> 32) ^ k0 ^ c1) & WORD, ((p0 >> 32) ^ k1 ^ c3) & WORD
        c1, c3 = p1, p0
    return c0, c1 & WORD, c2, c3 & WORD
