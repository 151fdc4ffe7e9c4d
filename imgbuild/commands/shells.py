"""Completion of words with an equals sign inside: what the shell holds for words in, what it is to put there out.

bash takes ``json=out.json`` for three words, as ``=`` is one of its COMP_WORDBREAKS, and completes what stands behind
the sign, https://www.gnu.org/software/bash/manual/html_node/Programmable-Completion.html. zsh and fish hold one word,
but click then offers the value of ``--option=value`` alone, which would take the place of both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from click.shell_completion import BashComplete, CompletionItem, FishComplete, ZshComplete, add_completion_class

from imgbuild.commands.completion import paths

if TYPE_CHECKING:
    from collections.abc import Sequence

_BREAK = "="


class Bash(BashComplete):
    """click's completion for bash, in which what stands around an equals sign is one word."""

    begun = ""

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the whole words before the one that was begun, and that one."""
        words, begun = super().get_completion_args()
        *whole, self.begun = joined([*words, begun])
        return whole, self.begun

    def format_completion(self, item: CompletionItem[Any]) -> str:
        """Return what takes the place of the part that bash completes; behind the sign it finds files by itself."""
        if item.path:
            return "file,"
        before = len(self.begun.rpartition(_BREAK)[0]) + 1 if _BREAK in self.begun else 0
        value = str(item.value)
        return f"{item.type},{value[before:] if value.startswith(self.begun[:before]) else value}"


class Zsh(ZshComplete):
    """click's completion for zsh, with the option before its value."""

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[str]]:
        """Return the completions of a whole word."""
        return _whole(super().get_completions(args, incomplete), incomplete)


class Fish(FishComplete):
    """click's completion for fish, with the option before its value."""

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[str]]:
        """Return the completions of a whole word."""
        return _whole(super().get_completions(args, incomplete), incomplete)


def joined(words: Sequence[str]) -> list[str]:
    """Return words in which what stands around an equals sign is one; the last one may be empty."""
    made: list[str] = []
    for word in words:
        if made and (word.startswith(_BREAK) or made[-1].endswith(_BREAK)):
            made[-1] += word
        else:
            made.append(word)
    return made


def _whole(found: list[CompletionItem[str]], begun: str) -> list[CompletionItem[str]]:
    option, equals, value = begun.partition(_BREAK)
    if not equals or not option.startswith("-"):
        return found
    made: list[CompletionItem[str]] = []
    for item in found:
        made += ([CompletionItem(f"{option}={item.value}", help=item.help)] if item.type == "plain"
                 else paths(f"{option}=", value))
    return made


def register() -> None:
    """Let click use them."""
    for shell in (Bash, Zsh, Fish):
        add_completion_class(shell)
