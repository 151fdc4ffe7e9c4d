"""XML that nobody vouches for: bytes in, a small tree of elements out.

The parser is expat of the standard library. A document type is refused as a whole, and with it every entity of the
document's own ("billion laughs", external files); depth, number of elements and size are bounded.

Python, "XML security", https://docs.python.org/3/library/xml.html#xml-security
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_BYTES = 1 << 20
_MOST_ELEMENTS = 50_000
_MOST_DEPTH = 32


class XmlError(ValueError):
    """The document is no XML, or none that is read here."""


class Element(msgspec.Struct):
    """An element: its name, attributes, children and the text directly in it."""

    name: str
    attributes: dict[str, str]
    children: list[Element]
    text: str = ""

    def find(self, path: str) -> Element | None:
        """Return the first element at a path of names below this one, such as ``WINDOWS/VERSION``."""
        found: Element | None = self
        for name in path.split("/"):
            found = next((child for child in found.children if child.name == name), None) if found else None
        return found

    def all(self, name: str) -> Iterator[Element]:
        """Give the children of a name."""
        return (child for child in self.children if child.name == name)

    def text_at(self, path: str) -> str:
        """Return the text of the first element at a path, an empty string where there is none."""
        found = self.find(path)
        return found.text.strip() if found is not None else ""


def parse(data: bytes) -> Element:
    """Return the root element of a document of at most 1 MiB; raise :class:`XmlError` for anything else."""
    from xml.parsers import expat  # noqa: PLC0415 - few media need it

    if len(data) > MOST_BYTES:
        raise XmlError(f"the document is larger than {MOST_BYTES} bytes")
    builder = _Builder()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.characters
    parser.StartDoctypeDeclHandler = builder.refuse
    try:
        parser.Parse(data, True)  # noqa: FBT003 - expat's own signature
    except (expat.ExpatError, ValueError, LookupError) as error:  # the last for an encoding that nobody knows
        raise XmlError(str(error)) from None
    return builder.root()


class _Builder:
    """Collects what expat reports; raises where a bound is passed."""

    def __init__(self) -> None:
        self._open = [Element("", {}, [])]
        self._count = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > _MOST_ELEMENTS or len(self._open) > _MOST_DEPTH:
            raise XmlError("the document has too many elements or is too deep")
        element = Element(name, attributes, [])
        self._open[-1].children.append(element)
        self._open.append(element)

    def end(self, _name: str) -> None:
        self._open.pop()

    def characters(self, text: str) -> None:
        self._open[-1].text += text

    def refuse(self, *_declaration: object) -> None:
        raise XmlError("the document has a document type, so it could define entities")

    def root(self) -> Element:
        return self._open[0].children[0]
