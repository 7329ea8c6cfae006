"""The work of each kind of job, in its own process: ``run(job)`` reads earlier results, calls the library, writes its own.

What a person could type is typed here in the same words, so that the script of a job (``ornstein.lab.scripts``) says what was done.
"""

KINDS = {
    "open": "opening",
    "explore": "exploring",
    "fit": "fitting",
    "certify": "certifying",
    "sample": "sampling",
    "fill": "filling",
    "score": "scoring",
    "condition": "conditioning",
    "calibrate": "calibrating",
    "train-reversal": "reversal",
    "lesson-page": "lesson_page",
}
"""Kind -> the module of this package that does it."""
