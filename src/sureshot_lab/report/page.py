"""The page around every report: one file that asks the network for nothing."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path

from sureshot_lab.report.markup import Child, Html, element, join

CSS = Path(__file__).with_name("page.css")
JS = Path(__file__).with_name("page.js")


def page(title: str, *content: Child, script: bool = False) -> Html:
    """Return a whole document. *script*: with what shows the values below the pointer.

    Its policy lets the browser run that script alone and load nothing.
    """
    style, code = _text(CSS), _text(JS)
    allowed = f"'sha256-{_digest(code)}'" if script else "'none'"
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src {allowed}"
    head = element(
        "head",
        element("meta", charset="utf-8"),
        Html(f'<meta http-equiv="Content-Security-Policy" content="{policy}">'),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
        element("style", style),
    )
    body = element(
        "body",
        element("main", *content),
        element("script", code) if script else None,
    )
    return join([Html("<!DOCTYPE html>\n"), element("html", head, body, lang="en"), Html("\n")])


def page_head(title: str, *below: Child, whose: str = "") -> Html:
    """Return the head of a page: whose it is, its title, and what stands *below* them."""
    return element(
        "header",
        element("p", f"Sureshot performance laboratory{whose}", class_="eyebrow"),
        element("h1", title),
        *below,
    )


@cache
def _text(path: Path) -> Html:
    return Html(path.read_text(encoding="utf-8"))


def _digest(code: str) -> str:
    return base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
