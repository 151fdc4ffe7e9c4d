"""The words of a GRUB script: one line and the variables in, its statements out.

GNU GRUB Manual 2.12, "Words" and "Quoting" of "Writing full configuration files directly",
https://www.gnu.org/software/grub/manual/grub/html_node/Shell_002dlike-scripting.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from imgbuild.guests.bootentries import LONGEST

if TYPE_CHECKING:
    from collections.abc import Mapping

_PIECE = re.compile(r"""(?P<blank>\s+)|'(?P<single>[^']*)'?|"(?P<double>(?:\\.|[^"\\])*)(?:"|\\?$)|\\(?P<escaped>.?)"""
                    r"""|(?P<end>;)|\$\{(?P<braced>\w+)\}|\$(?P<variable>\w+|[?*@#])|(?P<bare>[^\s'"\\;$]+)|(?P<dollar>\$)""")
_INSIDE = re.compile(r"\$\{(\w+)\}|\$(\w+|[?*@#])|\\(.)")
_UNSET = ""
# Set by GRUB itself at run time: what they say cannot be known from the file.
_RUN_TIME = frozenset({"grub_platform", "grub_cpu", "root", "prefix", "cmdpath", "config_directory", "boot_once",
                       "?", "*", "@", "#"})
UNKNOWN = "\0"
"""What stands for the value of a variable that GRUB sets by itself."""

_MOST_WORDS = 256


def statements(line: str, variables: Mapping[str, str]) -> list[list[str]]:
    """Return the statements of a line, each a list of words with quotes taken off and variables put in."""
    found: list[list[str]] = [[]]
    word: str | None = None
    for match in _PIECE.finditer(line[:LONGEST].replace(UNKNOWN, "")):
        kind = match.lastgroup or "blank"
        text = match[kind]
        if kind in {"blank", "end"}:
            _keep(found[-1], word)
            word = None
            if kind == "end":
                found.append([])
            continue
        if kind == "bare" and word is None and text.startswith("#"):
            break
        value = _value(kind, text, variables)
        word = ((word or "") + value)[:LONGEST] if value or kind in {"single", "double"} else word
    _keep(found[-1], word)
    return [words for words in found if words]


def truth(condition: list[str]) -> bool | None:
    """Return whether the words after ``if`` hold; ``None`` where that cannot be known without the running machine."""
    if not condition or condition[0] not in {"[", "test"} or any(UNKNOWN in word for word in condition):
        return None
    words = condition[1:-1] if condition[0] == "[" and condition[-1] == "]" else condition[1:]
    if len(words) <= 1:
        return bool(words and words[0])
    if len(words) == 2 and words[0] in {"-n", "-z"}:  # noqa: PLR2004 - the operator and its operand
        return bool(words[1]) == (words[0] == "-n")
    if len(words) == 3 and words[1] in {"=", "==", "!="}:  # noqa: PLR2004 - the operator between its operands
        return (words[0] == words[2]) == (words[1] != "!=")
    return None


def _keep(words: list[str], word: str | None) -> None:
    if word is not None and len(words) < _MOST_WORDS:
        words.append(word)


def _value(kind: str, text: str, variables: Mapping[str, str]) -> str:
    if kind in {"braced", "variable"}:
        return _look_up(text, variables)
    if kind == "double":
        return _INSIDE.sub(lambda match: match[3] or _look_up(match[1] or match[2], variables), text)
    return text


def _look_up(name: str, variables: Mapping[str, str]) -> str:
    return variables.get(name, UNKNOWN if name in _RUN_TIME else _UNSET)
