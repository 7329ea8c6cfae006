"""Settings that every test shares. This file also puts ``tests/`` on the import path, where ``truth.py`` lives."""

from __future__ import annotations

import gc
import os

import pytest
from hypothesis import settings

settings.register_profile("ornstein", deadline=None, derandomize=True, database=None, max_examples=25)
settings.load_profile("ornstein")
os.environ["ORNSTEIN_LANG"] = "en"  # whatever the locale of whoever runs them
for size in ("COLUMNS", "LINES"):  # a runner of several processes sets them, and a console made while they are set keeps that size
    os.environ.pop(size, None)
gc.disable()  # twelve thousand tests are a million objects that stay: looking through them while they are made took a fifth of the time


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """The collector works again, and leaves out what was made so far."""
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session")
def default_tour():
    """The tour of the default curve, computed once for all files."""
    from ornstein.tour.compute import compute

    return compute(training=20)


@pytest.fixture(scope="session")
def browser():
    """One Chromium for all tests of pages, which are skipped where there is none."""
    from browsing import CHROMIUM, chromium

    if CHROMIUM is None:
        pytest.skip("needs Chromium: make browser installs it where apt is at hand")
    with chromium() as found:
        yield found
