"""Reads a page as a strict reader does: every element closed, text and attributes kept."""

from __future__ import annotations

from html.parser import HTMLParser

VOID = {"meta", "br", "link", "col"}


class PageReader(HTMLParser):
    """What is on a page. Raises ``AssertionError`` where an element is not closed in turn."""

    def __init__(self, markup: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(markup)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _value in attrs]
        assert len(names) == len(set(names)), f"<{tag}> has an attribute twice: {names}"
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open[-1] == tag, f"</{tag}> closes <{self.open[-1]}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in {"style", "script"}:
            self.texts.append(data)

    @property
    def text(self) -> str:
        """All that a person can read, in order, with single spaces."""
        return " ".join(" ".join(self.texts).split())

    def count(self, tag: str, class_: str = "") -> int:
        """How many elements *tag* there are, of the class if one is given."""
        return sum(
            name == tag and class_ in (attributes.get("class") or "").split()
            if class_
            else name == tag
            for name, attributes in self.elements
        )

    def values(self, attribute: str) -> list[str]:
        """Every value of *attribute*."""
        return [found for _tag, told in self.elements if (found := told.get(attribute))]
