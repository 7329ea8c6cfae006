"""What a person sees who has opened nothing yet: an example and its Gaussian, begun with the lab, so that they are there with the page."""

from __future__ import annotations

from ornstein.lab.jobs import Jobs

EXAMPLES = ("heartbeats", "cosines")
"""The second where the data of the first are not installed. The workbench asks for the same, and finds what was begun here."""


async def begin(jobs: Jobs) -> None:
    """Open an example in a lab that has done nothing yet, and fit its Gaussian."""
    if jobs.all():
        return
    for example in EXAMPLES:
        ident = jobs.start("open", {"example": example})
        await jobs.ended(ident)
        if jobs.find(ident).done:
            jobs.start("fit", {"signals": ident, "recipe": "gaussian"})
            return
