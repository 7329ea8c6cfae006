"""The work of each kind of job, in its own process: ``run(job)`` reads earlier results, calls the library, writes its own."""

KINDS = {"train-reversal": "reversal"}
"""Kind -> the module of this package that does it."""
