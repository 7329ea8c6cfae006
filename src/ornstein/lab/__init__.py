"""The lab: a local page on which a person's own signals diffuse, come back and answer questions; the graphical face of the library.

A Starlette application on 127.0.0.1 (``app``), guarded (``safety``), that keeps what was opened and computed in one folder
(``shelf``, ``jobs``) and computes in one process per job (``worker``, ``work/``). The pages are ES modules (``web/``) which draw
with ``ornstein.views``; everything Gaussian is computed by them. Starlette and uvicorn come with ``pip install 'ornstein[lab]'``.
"""
