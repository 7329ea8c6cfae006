"""Conditioning on measurements: a law goes in, a law of the same kind comes out, with its evidence."""

from ornstein.posterior.exact import condition

__all__ = ["condition"]
