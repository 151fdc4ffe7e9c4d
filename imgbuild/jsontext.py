"""JSON that people wrote: bytes in, :class:`JsonDocument` out, with the line and column of every value and key.

Obeys RFC 8259 (https://www.rfc-editor.org/rfc/rfc8259, December 2017) and is stricter where that leaves a choice:
UTF-8 only, no byte order mark, no key twice, no number over 64 bits, at most 1 MiB and 64 levels. Pointers are those
of RFC 6901. The reader never raises: whatever is wrong is a problem. After a slip whose meaning is plain (a comma too
many, a comment, NaN) it reads on, so that one look finds them all.

No kept library does this: json-source-map (its last release is of 2021) gives positions, but takes duplicate keys in
silence and recurses without a limit; json, orjson and msgspec give no positions.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, NamedTuple

from imgbuild.jsontokens import LINE_END, JsonProblem, Lines, Stop, Tokens, quoted, unescaped_token

__all__ = ["MAX_BYTES", "MAX_DEPTH", "JsonDocument", "JsonProblem", "parse", "split_lines"]

MAX_BYTES = 1 << 20
MAX_DEPTH = 64

# The first bytes of a text that begins with an ASCII character, or with a mark, in another encoding than UTF-8.
_OTHER_ENCODINGS = (
    (re.compile(rb"\xff\xfe\x00\x00|\x00\x00\xfe\xff|\x00\x00\x00.|.\x00\x00\x00", re.DOTALL), "UTF-32"),
    (re.compile(rb"\xff\xfe|\xfe\xff|\x00.|.\x00", re.DOTALL), "UTF-16"),
)
# What RFC 8259 advises against, or readers may refuse, in a text that its grammar has.
_NOT_OF_THE_GRAMMAR = frozenset({"json-bom", "json-duplicate-key", "json-number-too-large", "json-not-an-object"})
_INDEX = re.compile("0|[1-9][0-9]{0,8}")


class Place(NamedTuple):
    """Where a value stands in the text: from ``start`` to before ``end``, in characters.

    ``members`` are for an object its keys, each with its own start and the place of its value, for an array its items.
    """

    start: int
    end: int
    members: dict[str, tuple[int, Place]] | list[Place] | None = None


@dataclass(frozen=True)
class JsonDocument:
    """What was read.

    Attributes:
        value: The value; ``None`` where the text could not be followed to its end. Of a key given twice the last value
            counts. A number that is none (NaN) or does not fit into 64 bits is ``None``, what is no character U+FFFD.
        problems: What is wrong with the text, in the order of the text.
        complete: Whether the text could be followed to its end.
        text: What was read, without a byte order mark.
        repeated_alike: Pointers of keys that are given several times, the last time with the value of the time before.
    """

    value: Any
    problems: tuple[JsonProblem, ...]
    complete: bool
    _lines: Lines
    _root: Place
    text: str = ""
    repeated_alike: frozenset[str] = frozenset()

    def position_of(self, pointer: str) -> tuple[int, int] | None:
        """Return line and column of the value that ``pointer`` names; ``None`` where there is no such value."""
        found = self.find(pointer)
        return None if found is None else self._lines.position(found[1].start)

    def key_position_of(self, pointer: str) -> tuple[int, int] | None:
        """Return line and column of the key that ``pointer`` ends with; for an item of an array, of its value."""
        found = self.find(pointer)
        return None if found is None else self._lines.position(found[0])

    def position_at(self, offset: int) -> tuple[int, int]:
        """Return line and column of the character at ``offset`` of the text."""
        return self._lines.position(offset)

    def written_at(self, pointer: str) -> str | None:
        """Return the value that ``pointer`` names as it is written."""
        found = self.find(pointer)
        return None if found is None else self.text[found[1].start : found[1].end]

    @property
    def is_json(self) -> bool:
        """Whether the text is JSON by the grammar, whatever else is wrong with it."""
        return self.complete and all(problem.code in _NOT_OF_THE_GRAMMAR for problem in self.problems)

    def find(self, pointer: str) -> tuple[int, Place] | None:
        """Return where the key that ``pointer`` ends with begins (of an item: the item), and the place of its value."""
        start, *tokens = pointer.split("/")
        found = None if start or not self.complete else (self._root.start, self._root)
        for token in tokens:
            found = None if found is None else _step(found[1], unescaped_token(token))
        return found


def parse(data: bytes) -> JsonDocument:
    """Read a document that should be a JSON object."""
    if len(data) > MAX_BYTES:
        return _refused("json-too-large", f"the document has over {MAX_BYTES} bytes: no more are read")
    for start, encoding in _OTHER_ENCODINGS:
        if start.match(data):
            return _refused("json-encoding", f"the document is {encoding}: save it as UTF-8, which JSON is sent in")
    tokens = Tokens(_decode(data))
    complete, value = True, None
    place = Place(0, 0)
    try:
        _check_bytes(tokens, data)
        value, place = _root(tokens)
    except Stop:
        complete = False
    ordered = sorted(tokens.problems, key=lambda problem: (problem.line, problem.column))
    return JsonDocument(value, tuple(ordered), complete, tokens.lines, place, tokens.text,
                        frozenset(tokens.repeated_alike))


def split_lines(data: bytes) -> list[str]:
    """Return the lines of a document as :func:`parse` counts them, without their ends and the byte order mark."""
    return LINE_END.split(_decode(data[:MAX_BYTES]))


def _decode(data: bytes) -> str:
    return data.decode("utf-8", "replace").removeprefix("\ufeff")


def _refused(code: str, message: str) -> JsonDocument:
    problem = JsonProblem(code, message, "", 1, 1)
    return JsonDocument(None, (problem,), complete=False, _lines=Lines(""), _root=Place(0, 0))


def _step(place: Place, token: str) -> tuple[int, Place] | None:
    members = place.members
    if isinstance(members, dict):
        return members.get(token)
    if isinstance(members, list) and _INDEX.fullmatch(token) and int(token) < len(members):
        item = members[int(token)]
        return item.start, item
    return None


def _check_bytes(tokens: Tokens, data: bytes) -> None:
    if data.startswith(b"\xef\xbb\xbf"):
        tokens.note("json-bom", "the document begins with a byte order mark: save it as UTF-8 without one", 0)
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        tokens.note("json-encoding", f"the byte 0x{data[error.start]:02x} is not UTF-8: save the document as UTF-8",
                    len(_decode(data[: error.start])))


def _root(tokens: Tokens) -> tuple[Any, Place]:
    tokens.skip()
    start = tokens.at
    if not tokens.peek():
        tokens.stop("json-empty", "the document is empty: an object such as {} is expected", start)
    value, place = _value(tokens)
    tokens.skip()
    if tokens.peek():
        tokens.note("json-syntax", f"the document is complete before {tokens.found()}: remove what follows", tokens.at)
    if not isinstance(value, dict):
        tokens.note("json-not-an-object", f"the document is {_kind(value)}: an object such as {{}} is expected", start)
    return value, place


def _value(tokens: Tokens) -> tuple[Any, Place]:
    start, character = tokens.at, tokens.peek()
    if character == "{":
        return _object(tokens)
    if character == "[":
        return _array(tokens)
    value = tokens.string() if character == '"' else tokens.scalar()
    return value, Place(start, tokens.at)


def _object(tokens: Tokens) -> tuple[dict[str, Any], Place]:
    start = _enter(tokens)
    value: dict[str, Any] = {}
    places: dict[str, tuple[int, Place]] = {}
    while _another(tokens, start, "}"):
        at = tokens.at
        key = _key(tokens)
        tokens.path.append(key)
        if key in places:
            _note_duplicate(tokens, key, places[key][0], at)
        read, place = _value(tokens)
        if key in places:
            tokens.note_likeness(value[key], read)
        value[key] = read
        places[key] = (at, place)
        tokens.path.pop()
    return value, Place(start, tokens.at, places)


def _key(tokens: Tokens) -> str:
    if tokens.peek() != '"':
        tokens.stop("json-syntax", f"a key in double quotes is expected, not {tokens.found()}", tokens.at)
    key = tokens.string()
    tokens.skip()
    if not tokens.take(":"):
        tokens.stop("json-syntax", f"a colon is expected after the key {quoted(key)}, not {tokens.found()}", tokens.at)
    tokens.skip()
    return key


def _array(tokens: Tokens) -> tuple[list[Any], Place]:
    start = _enter(tokens)
    value: list[Any] = []
    places: list[Place] = []
    while _another(tokens, start, "]"):
        tokens.path.append(len(value))
        item, place = _value(tokens)
        value.append(item)
        places.append(place)
        tokens.path.pop()
    return value, Place(start, tokens.at, places)


def _enter(tokens: Tokens) -> int:
    if len(tokens.path) >= MAX_DEPTH:
        tokens.stop("json-depth", f"objects and arrays are more than {MAX_DEPTH} deep here", tokens.at)
    tokens.at += 1
    return tokens.at - 1


def _another(tokens: Tokens, start: int, closing: str) -> bool:
    """Pass the comma and say whether a member or an item follows; pass ``closing`` where none does."""
    first = tokens.at == start + 1
    tokens.skip()
    comma = tokens.at
    separated = not first and tokens.take(",")
    tokens.skip()
    if tokens.take(closing):
        if separated:
            tokens.note("json-syntax", f"the comma before {closing!r} is one too many: remove it", comma)
        return False
    if not tokens.peek():
        line, column = tokens.lines.position(start)
        tokens.stop("json-syntax", f"{closing!r} is missing at the end: {tokens.text[start]!r} was opened at line"
                                   f" {line} column {column}", tokens.at)
    if not first and not separated:
        _note_missing_comma(tokens, closing)
    return True


def _note_missing_comma(tokens: Tokens, closing: str) -> None:
    follows = tokens.peek()
    if follows in "}],:" or (closing == "}" and follows != '"'):
        tokens.stop("json-syntax", f"a comma or {closing!r} is expected, not {tokens.found()}", tokens.at)
    tokens.note("json-syntax", f"a comma is missing before {tokens.found()}", tokens.at)


def _note_duplicate(tokens: Tokens, key: str, first: int, second: int) -> None:
    line, column = tokens.lines.position(first)
    again, there = tokens.lines.position(second)
    tokens.note("json-duplicate-key", f"the key {quoted(key)} stands at line {line} column {column} and again at line"
                                      f" {again} column {there}: keep one, the last counts", second)


def _kind(value: object) -> str:
    kinds = {list: "an array", str: "a string", bool: "a boolean", int: "a number", float: "a number"}
    return kinds.get(type(value), "null")
