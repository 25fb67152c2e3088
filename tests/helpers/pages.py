"""Reads a report as a screen reader would: headings, tables, lists."""

from html.parser import HTMLParser

EMPTY = {"meta", "link", "br", "hr", "img", "input", "path", "use", "rect", "circle"}


class Page(HTMLParser):
    """What is in a page.

    Attributes:
        tables: the rows of each table as lists of texts, by the beginning of its caption.
        tiles: the text of each `dd` by its `dt`.
        headings: level and text.
        tags: every tag with its attributes.
        text: all text outside of style and figures.
        open: tags that were not closed, in order.
        mistakes: end tags that close nothing.
    """

    def __init__(self, html: str):
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.tiles: dict[str, str] = {}
        self.headings: list[tuple[str, str]] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.mistakes: list[str] = []
        self._term = ""
        self.feed(html)
        self.text = " ".join(self.text.split())
        self.tables = {
            name: [[" ".join(c.split()) for c in r] for r in rows if r]
            for name, rows in self.tables.items()
        }

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in EMPTY:
            self.open.append(tag)
        if tag == "caption":
            self._caption = ""
        elif tag in ("table", "tr"):
            if tag == "table":
                self._rows: list[list[str]] = []
            self._rows.append([])
        elif tag in ("td", "th"):
            self._rows[-1].append("")
        elif tag in ("h1", "h2", "h3"):
            self.headings.append((tag, ""))

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.mistakes.append(tag)
        if tag == "table":
            self.tables[" ".join(self._caption.split())] = self._rows

    def handle_data(self, data):
        if "style" in self.open or "svg" in self.open:
            return
        self.text += data
        inside = set(self.open)
        if "caption" in inside:
            self._caption += data
        elif inside & {"td", "th"}:
            self._rows[-1][-1] += data
        elif inside & {"h1", "h2", "h3"}:
            self.headings[-1] = (self.headings[-1][0], self.headings[-1][1] + data)
        elif "dt" in inside:
            self._term = data
        elif "dd" in inside:
            self.tiles[self._term] = f"{self.tiles.get(self._term, '')} {data}".strip()

    def table(self, caption: str) -> dict[str, list[str]]:
        """The rows of the table whose caption begins so, by their first cell, without the head."""
        rows = next(rows for name, rows in self.tables.items() if name.startswith(caption))
        return {row[0]: row[1:] for row in rows[1:]}
