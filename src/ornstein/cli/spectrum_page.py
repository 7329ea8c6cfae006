"""Figures, sentences and a table as one HTML page that needs nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

_STYLE = (
    "body{font:16px/1.55 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1f2933;background:#fff}"
    "h1{font-size:1.4rem}svg{width:100%;height:auto}figure{margin:1.5rem 0}figcaption,p{max-width:46rem}figcaption{font-size:.9rem}"
    "table{border-collapse:collapse;font-variant-numeric:tabular-nums}th,td{padding:.2rem .8rem;text-align:right;"
    "border-bottom:1px solid #dfe4ea}div{overflow-x:auto}"
)


def page(name: str, svg: str, lines: Sequence[str], head: Sequence[str], rows: Sequence[Sequence[str]], words: Callable[[str], str]) -> str:
    """The page as a string, in the language of ``words``."""
    title = escape(f"{words('spectrum-title')}: {name}")
    said = "".join(f"<p>{escape(line)}</p>" for line in lines)
    caption = escape(words("spectrum-caption"))
    drawn = svg.replace("<svg", '<svg role="img" aria-labelledby="read"', 1)
    columns = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return (
        f'<!doctype html>\n<html lang="{words("html-lang")}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><title>{title}</title><style>{_STYLE}</style></head>\n'
        f'<body><h1>{title}</h1>{said}\n<figure>{drawn}<figcaption id="read">{caption}</figcaption></figure>\n'
        f"<div><table><thead><tr>{columns}</tr></thead><tbody>{body}</tbody></table></div></body></html>\n"
    )
