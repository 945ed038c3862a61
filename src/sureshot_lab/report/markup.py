"""HTML and SVG as text that cannot be broken out of: whatever is not markup is escaped."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from urllib.parse import quote

VOID = frozenset({"meta", "br", "link", "col"})
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]")
LONG = 60
"""A definition of more letters than this gets a line of its own."""
EXTERNAL = re.compile(r"^[a-z][a-z0-9+.-]*:|^//", re.IGNORECASE)


class Html(str):
    """Text that is markup already. Only what this module or a file of ours wrote becomes one."""

    __slots__ = ()


Child = str | None


def clean(text: str) -> str:
    """Return *text* without the control characters that neither HTML nor XML can hold."""
    return CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


def escape(text: str) -> Html:
    """Return *text* as markup that shows it."""
    return text if isinstance(text, Html) else Html(html.escape(clean(text)))


def join(parts: Iterable[Child], between: str = "") -> Html:
    """Return *parts* in a row, what is None left out."""
    return Html(escape(between).join(escape(part) for part in parts if part is not None))


def element(tag: str, /, *children: Child, **attributes: str | float | None) -> Html:
    """Return one element; ``class_`` is the attribute class, ``data_x`` is data-x, None is none."""
    told = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if tag in VOID:
        return Html(f"<{tag}{told}>")
    return Html(f"<{tag}{told}>{join(children)}</{tag}>")


def link(target: str, text: str) -> Html:
    """Return a link to a file beside the page; the text alone when *target* leads elsewhere."""
    if EXTERNAL.match(target) or target.startswith("/"):
        return element("code", text)
    return element("a", text, href=quote(target))


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[Child]],
    *,
    kind: str = "",
    numeric: Iterable[int] = (),
    marks: Sequence[str | None] = (),
) -> Html:
    """Return a table that scrolls by itself when it is too wide.

    *kind* ``stack``: on a narrow screen every row becomes a list of its cells.
    *numeric*: columns set to the right; *marks*: a class for each row.
    """
    right = frozenset(numeric)
    head = element(
        "tr",
        *(
            element("th", column, scope="col", class_="n" if index in right else None)
            for index, column in enumerate(columns)
        ),
    )
    body = [
        element(
            "tr",
            *(
                element(
                    "td", cell, class_="n" if index in right else None, data_label=columns[index]
                )
                for index, cell in enumerate(row)
            ),
            class_=marks[at] if at < len(marks) else None,
        )
        for at, row in enumerate(rows)
    ]
    inner = element("table", element("thead", head), element("tbody", *body), class_=kind or None)
    return element(
        "div", inner, class_="scroll", tabindex=None if kind.startswith("stack") else "0"
    )


def pairs(rows: Iterable[tuple[str, Child]]) -> Html:
    """Return names with their values as a list of definitions."""
    return element(
        "dl",
        *(
            element(
                "div",
                element("dt", name),
                element("dd", value),
                class_="wide" if len(value) > LONG else None,
            )
            for name, value in rows
            if value
        ),
        class_="pairs",
    )


def section(identity: str, title: str, *children: Child) -> Html:
    """Return a part of the page with its heading."""
    return element("section", element("h2", title), *children, id=identity)


def bullets(items: Iterable[Child], kind: str | None = None) -> Html:
    """Return a list."""
    return element("ul", *(element("li", item) for item in items), class_=kind)
