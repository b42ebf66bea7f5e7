"""The text of HTML: descriptions of data sets come with tags and entities."""

from __future__ import annotations

from html.parser import HTMLParser

_BREAKING = frozenset({"p", "br", "li", "div", "tr", "h1", "h2", "h3", "h4", "h5", "h6"})


class _Text(HTMLParser):
    def __init__(self, line_break: str) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self._line_break = line_break

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        if tag in _BREAKING and self.pieces:
            self.pieces.append(self._line_break)

    def handle_data(self, data: str) -> None:
        self.pieces.append(data)


def html_text(text: str, *, line_break: str = "") -> str:
    """Return the text of HTML without tags, entities decoded.

    :param line_break: what stands where a paragraph, an item of a list or a new line begins.
    """
    reader = _Text(line_break)
    reader.feed(text)
    reader.close()
    return "".join(reader.pieces).strip()
