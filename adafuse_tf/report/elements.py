"""Elements of an HTML page; text is escaped and tags are closed by construction."""

import base64
from collections.abc import Iterable, Sequence
from xml.etree import ElementTree

Element = ElementTree.Element


def element(tag: str, *children, **attributes) -> Element:
    """Makes an element.

    Args:
        tag: its name.
        *children: elements, lists of them, or anything else as text; None is left out.
        **attributes: `_` stands for `-`, and one at the end for nothing (`class_`).
    """
    names = {name: name.rstrip("_").replace("_", "-") for name in attributes}
    node = Element(tag, {names[name]: str(v) for name, v in attributes.items()})
    for child in _flat(children):
        if isinstance(child, Element):
            node.append(child)
        elif len(node):
            node[-1].tail = f"{node[-1].tail or ''}{child}"
        else:
            node.text = f"{node.text or ''}{child}"
    return node


def table(head: Sequence, rows: Iterable[Sequence], **attributes) -> Element:
    """A table whose rows begin with their name; all else is aligned as numbers are."""
    return element(
        "div",
        element(
            "table",
            element(
                "thead", element("tr", [element("th", c, scope="col") for c in head])
            ),
            element(
                "tbody",
                [
                    element(
                        "tr",
                        element("th", row[0], scope="row"),
                        [_cell(value) for value in row[1:]],
                    )
                    for row in rows
                ],
            ),
            **attributes,
        ),
        class_="scroll",
    )


def section(title: str, *children) -> Element:
    """A part of the page with its heading."""
    return element("section", element("h2", title), *children)


def picture(data: bytes, kind: str, alt: str, **attributes) -> Element:
    """A picture in the page itself; `kind` is `png` or `jpeg`."""
    text = base64.b64encode(data).decode()
    source = f"data:image/{kind};base64,{text}"
    return element("img", src=source, alt=alt, **attributes)


def page(title: str, style: str, *children) -> str:
    """The whole page as text."""
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
        element("style", style),
    )
    root = element("html", head, element("body", element("main", *children)), lang="en")
    text = ElementTree.tostring(root, encoding="unicode", method="html")
    return f"<!DOCTYPE html>\n{text}\n"


def _cell(value) -> Element:
    is_cell = isinstance(value, Element) and value.tag == "td"
    return value if is_cell else element("td", value)


def _flat(children):
    for child in children:
        if isinstance(child, list | tuple):
            yield from _flat(child)
        elif child is not None:
            yield child
