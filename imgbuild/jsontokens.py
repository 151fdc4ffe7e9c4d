"""The words of a JSON text: white space, strings, numbers and literals, read with their offsets.

Text in, values and :class:`JsonProblem` out; :mod:`imgbuild.jsontext` puts them together. Obeys RFC 8259, sections 2
(white space), 6 (numbers), 7 and 8 (strings): https://www.rfc-editor.org/rfc/rfc8259, December 2017.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from dataclasses import dataclass
from typing import NoReturn

MAX_PROBLEMS = 100
LARGEST = (1 << 64) - 1
SMALLEST = -(1 << 63)
LINE_END = re.compile(r"\r\n|\n|\r")

_SPACE = re.compile(r"[ \t\n\r]*")
_COMMENT = re.compile(r"//[^\n\r]*|#[^\n\r]*|/\*(?s:.*?)(?:\*/|\Z)")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_LIKE_A_NUMBER = re.compile(r"[+-]?[0-9.][0-9a-zA-Z_.+-]*")
_WORD = re.compile(r"[+-]?[A-Za-z_$][A-Za-z0-9_$]*")
_PLAIN = re.compile(r'[^"\\\x00-\x1f]+')
_HEX4 = re.compile(r"[0-9a-fA-F]{4}")

_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_CONTROLS = {value: f"\\{letter}" for letter, value in _ESCAPES.items() if value < " "}
_LITERALS = {"true": True, "false": False, "null": None}
_FOREIGN = {"True": "true", "TRUE": "true", "False": "false", "FALSE": "false",
            "None": "null", "NULL": "null", "Null": "null", "nil": "null"}
_NOT_NUMBERS = {"NaN", "nan", "NAN", "Infinity", "infinity", "inf", "Inf"}
_HIGH = range(0xD800, 0xDC00)
_LOW = range(0xDC00, 0xE000)
_REPLACEMENT = "\ufffd"
_IN_QUOTES = ": a string stands in double quotes"


@dataclass(frozen=True)
class JsonProblem:
    """What is wrong with the text at a place; ``line`` and ``column`` count from 1, the column in characters.

    ``pointer`` names the value that is being read there, ``""`` where it is the document.
    """

    code: str
    message: str
    pointer: str
    line: int
    column: int


class Stop(Exception):  # noqa: N818 - it ends the reading, it is no error
    """The text cannot be followed any further; the problem is noted."""


class Lines:
    """Turns offsets of a text into lines and columns."""

    def __init__(self, text: str) -> None:
        self._starts = [0, *(match.end() for match in LINE_END.finditer(text))]

    def position(self, offset: int) -> tuple[int, int]:
        """Return line and column, from 1, of the character at ``offset``."""
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1


class Tokens:
    """Reads words from a text; ``at`` is the offset of the next character, ``path`` the keys and indexes down to it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.lines = Lines(text)
        self.at = 0
        self.path: list[str | int] = []
        self.problems: list[JsonProblem] = []
        self.repeated_alike: set[str] = set()

    def skip(self) -> None:
        """Pass white space, and comments with a problem for each."""
        while True:
            space = _SPACE.match(self.text, self.at)
            self.at = space.end() if space else self.at
            comment = _COMMENT.match(self.text, self.at) if self.peek() in ("/", "#") else None
            if comment is None:
                return
            self.note("json-syntax", "JSON has no comments: remove it", self.at)
            self.at = comment.end()

    def peek(self) -> str:
        """Return the next character, ``""`` at the end."""
        return self.text[self.at : self.at + 1]

    def take(self, character: str) -> bool:
        """Pass ``character`` if it is the next one, and say whether it was."""
        taken = self.peek() == character
        self.at += taken
        return taken

    def found(self) -> str:
        """Return the next character in quotes, for a message."""
        return quoted(self.peek()) if self.peek() else "the end of the document"

    def string(self) -> str:
        """Read the string whose opening quote is next."""
        start = self.at
        self.at += 1
        parts: list[str] = []
        while not self.take('"'):
            plain = _PLAIN.match(self.text, self.at)
            if plain is not None:
                parts.append(plain[0])
                self.at = plain.end()
            elif self.peek() == "\\":
                parts.append(self._escape())
            elif self.peek():
                parts.append(self._control())
            else:
                self.stop("json-syntax", "the string that begins here has no closing quote", start)
        return "".join(parts)

    def scalar(self) -> float | bool | None:
        """Read a number or a literal; a number that is none, or too large, is ``None`` with a problem."""
        word = _WORD.match(self.text, self.at)
        number = _LIKE_A_NUMBER.match(self.text, self.at)
        if word is not None:
            return self._literal(word[0])
        if number is not None:
            return self._number(number[0])
        cure = _IN_QUOTES if self.peek() == "'" else ""
        return self.stop("json-syntax", f"a value is expected, not {self.found()}{cure}", self.at)

    def note(self, code: str, message: str, offset: int) -> None:
        """Add a problem with what stands at ``offset``; too many of them end the reading."""
        self.problems.append(JsonProblem(code, message, self.pointer, *self.lines.position(offset)))
        if len(self.problems) == MAX_PROBLEMS:
            raise Stop

    def note_likeness(self, before: object, again: object) -> None:
        """Note whether the value of a key that is given again is the same one, its type and its order included."""
        alike = json.dumps(before) == json.dumps(again)
        (self.repeated_alike.add if alike else self.repeated_alike.discard)(self.pointer)

    @property
    def pointer(self) -> str:
        """The pointer of what is being read."""
        return "".join(f"/{escape_token(key)}" for key in self.path)

    def stop(self, code: str, message: str, offset: int) -> NoReturn:
        """Add a problem and end the reading."""
        self.note(code, message, offset)
        raise Stop

    def _control(self) -> str:
        character = self.peek()
        written = _CONTROLS.get(character, f"\\u{ord(character):04x}")
        what = "a line break" if character in "\n\r" else "a control character"
        self.note("json-syntax", f"{what} may not stand in a string: close the string, or write {written}", self.at)
        self.at += 1
        return character

    def _escape(self) -> str:
        start = self.at
        letter = self.text[start + 1 : start + 2]
        self.at += 1 + len(letter)
        if letter in _ESCAPES:
            return _ESCAPES[letter]
        if letter == "u":
            return self._unicode(start)
        self.note("json-syntax", f"there is no escape \\{quoted(letter)[1:-1]}: a backslash is written \\\\", start)
        return letter

    def _unicode(self, start: int) -> str:
        high = self._hex4(start)
        if high not in _HIGH and high not in _LOW:
            return chr(high)
        back = self.at
        if high in _HIGH and self.take("\\") and self.take("u"):
            low = self._hex4(back)
            if low in _LOW:
                return chr(0x10000 + ((high - _HIGH.start) << 10) + (low - _LOW.start))
        self.at = back
        self.note("json-encoding", f"\\u{high:04x} is half of a surrogate pair and no character", start)
        return _REPLACEMENT

    def _hex4(self, start: int) -> int:
        match = _HEX4.match(self.text, self.at)
        if match is None:
            self.note("json-syntax", "four hexadecimal digits are expected after \\u", start)
            return ord(_REPLACEMENT)
        self.at = match.end()
        return int(match[0], 16)

    def _literal(self, word: str) -> bool | None:
        spelling = _FOREIGN.get(word, word)
        if word.lstrip("+-") in _NOT_NUMBERS:
            self.note("json-not-a-number", f"{word} is no JSON number: write a number, or leave the key out", self.at)
        elif spelling not in _LITERALS:
            self.stop("json-syntax", f"a value is expected, not {quoted(word)}{_IN_QUOTES}", self.at)
        elif spelling != word:
            self.note("json-syntax", f"JSON writes {word} as {spelling}", self.at)
        self.at += len(word)
        return _LITERALS.get(spelling)

    def _number(self, written: str) -> float | None:
        start = self.at
        match = _NUMBER.fullmatch(written)
        if match is None:
            self.stop("json-syntax", f"{quoted(written)} is no JSON number: no sign '+', no leading zero, digits on"
                                     " both sides of a point", start)
        self.at += len(written)
        value = float(written) if match[1] or match[2] else _integer(written)
        if value is None or abs(value) == float("inf"):
            self.note("json-number-too-large", f"the number {quoted(written)[1:-1]} does not fit into 64 bits", start)
            return None
        return value


def escape_token(key: str | int) -> str:
    """Return a key or an index as a token of a JSON Pointer (RFC 6901, section 3)."""
    return str(key).replace("~", "~0").replace("/", "~1")


def unescaped_token(token: str) -> str:
    """Return the key that a token of a JSON Pointer stands for."""
    return token.replace("~1", "/").replace("~0", "~")


def quoted(text: str) -> str:
    """Return text in quotes on one line, shortened, with everything escaped that is not printable."""
    return repr(text if len(text) <= 40 else text[:39] + "…")  # noqa: PLR2004 - one message is one line


def _integer(written: str) -> int | None:
    if len(written) > len(str(SMALLEST)):
        return None
    value = int(written)
    return value if SMALLEST <= value <= LARGEST else None
