"""A request that is not served: a status and the one sentence that says why."""

from __future__ import annotations


class Refused(Exception):
    """Answered with ``status`` and {"error": sentence}."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.sentence = status, sentence
