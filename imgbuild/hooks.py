"""What pre-commit starts: a command, its options and many files in; the command for each file, the worst status out.

pre-commit puts the names of all files that changed behind the words of a hook; a command takes one at a time. See
``.pre-commit-hooks.yaml`` and https://pre-commit.com/#new-hooks
"""

from __future__ import annotations

import sys

import click

from imgbuild.commands.program import WRONG_USAGE, program, say


def main(words: list[str]) -> int:
    """Run the command that is the first word for each file among the others; return the highest exit status."""
    if not words:
        say("no command is named (python -m imgbuild.hooks COMMAND [OPTION...] FILE...)")
        return WRONG_USAGE
    name, *rest = words
    options, files = split(name, rest)
    if not files:
        return _run(words)
    return max(_run([name, *options, "--", file]) for file in files)


def split(name: str, words: list[str]) -> tuple[list[str], list[str]]:
    """Return the options of a command with their values, and the files behind them; no files where a word is wrong."""
    command = program.get_command(click.Context(program), name)
    if command is None:
        return words, []
    try:
        given, left, _ = command.make_parser(click.Context(command)).parse_args(list(words))
    except click.UsageError:
        return words, []
    arguments = [argument.name for argument in command.params if isinstance(argument, click.Argument)]
    count = len(left) + sum(isinstance(given.get(argument or ""), str) for argument in arguments)
    return words[: len(words) - count], words[len(words) - count :]


def _run(words: list[str]) -> int:
    try:
        program(words, prog_name="imgbuild")
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
