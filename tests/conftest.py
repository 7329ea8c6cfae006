"""Settings that every test shares. This file also puts ``tests/`` on the import path, where ``truth.py`` lives."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("ornstein", deadline=None, derandomize=True, database=None, max_examples=25)
settings.load_profile("ornstein")
