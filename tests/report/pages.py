"""Reads a page back."""

from html.parser import HTMLParser

VOID = {"meta", "img", "br", "link", "input"}


class Page(HTMLParser):
    """What is on a page.

    Attributes:
        text: all text, in order, a blank between elements.
        tags: `(tag, attributes)` of all elements.
        cells: text of each row of each table, cell by cell.
        open: tags that were not closed, or closed in the wrong order.
    """

    def __init__(self, text):
        super().__init__()
        self.tags, self.cells, self.open, self._texts = [], [], [], []
        self.errors = []
        self.feed(text)
        self.close()

    @property
    def text(self):
        return " ".join(" ".join(self._texts).split())

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.cells.append([])
        elif tag in ("td", "th"):
            self.cells[-1].append("")

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.errors.append(tag)

    def handle_data(self, data):
        if self.open and self.open[-1] == "style":
            return
        self._texts.append(data)
        if {"td", "th"} & set(self.open):
            self.cells[-1][-1] += data

    def all(self, tag, **attributes):
        """Attributes of the elements with this tag and these attributes."""
        wanted = {k.rstrip("_"): v for k, v in attributes.items()}
        return [a for t, a in self.tags if t == tag and wanted.items() <= a.items()]

    def row(self, name):
        """The cells after the first of the row of this name, which must be the only."""
        (found,) = [row[1:] for row in self.cells if row and row[0] == name]
        return found
