"""Where reports go: ``--format`` and ``-o`` in, bytes on standard output and in files out.

Standard output is written as each part is made; a file is written once all of them are there.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import msgspec

from imgbuild import reports
from imgbuild.commands.ending import obey
from imgbuild.commands.files import STANDARD_OUTPUT, check_target, write_whole
from imgbuild.commands.options import format_names
from imgbuild.commands.program import ClosedPipe
from imgbuild.errors import ImgbuildError, UsageError
from imgbuild.reports.page import Page
from imgbuild.reports.views import FindingsView

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imgbuild.reports.views import View

NARROWEST, PIPED, WIDEST = 60, 80, 120


class _Target(msgspec.Struct):
    """A report and the file that it goes to, ``None`` for standard output."""

    report: str
    path: str | None
    data: list[bytes] = []


class Output:
    """The reports of one run."""

    def __init__(self, words: dict[str, Any], *, inputs: Sequence[str] = (), others: Sequence[str] = ()) -> None:
        """Take the words of a command line; ``formats`` that are ``None`` ask for no report.

        ``inputs`` are the files that no output may replace, ``others`` those that will be written besides the reports.

        Raises:
            UsageError: The words contradict each other, or an output is one of the inputs.
            ImgbuildError: A file cannot be written where it is wanted.
        """
        self._targets = [] if words["formats"] is None else _targets(words["formats"], words.get("output"))
        self._inputs = inputs
        self._verbose = bool(words.get("verbose"))
        self._quiet = bool(words.get("quiet"))
        paths = [*(target.path for target in self._targets if target.path is not None), *others]
        for path in paths:
            self._claim(path)
        if len({os.path.realpath(path) for path in paths}) < len(paths):
            raise UsageError("two outputs go to one file", cure="give each a file of its own")

    def _claim(self, path: str) -> None:
        """Refuse a file to write that is an input, or that cannot be written where it is wanted."""
        for source in self._inputs:
            if _is_same_file(path, source):
                raise UsageError(f"the output {path!r} is the input {source!r}", cure="name another file")
        check_target(path)

    @property
    def draws(self) -> bool:
        """Whether one of the reports draws the disks, and asks where they have data."""
        return any(target.report in reports.DRAWING for target in self._targets)

    def prepare(self, kind: type[View] = FindingsView) -> None:
        """Import what makes the reports of a kind of view, while there is nothing to show yet."""
        for target in self._targets:
            reports.prepare(target.report, kind)

    def show(self, view: View) -> None:
        """Make all reports of a view."""
        for target in self._targets:
            page = self._page() if target.path is None else Page(PIPED, verbose=self._verbose, quiet=self._quiet)
            data = reports.render(target.report, view, page)
            if target.path is None:
                write_out(data)
            else:
                target.data.append(data)

    def close(self) -> None:
        """Write the files; those that nothing was made for stay as they are."""
        for target in self._targets:
            if target.path is not None and target.data:
                write_whole(target.path, b"".join(target.data))

    def _page(self) -> Page:
        terminal = sys.stdout is not None and sys.stdout.isatty()
        return Page(_width(terminal=terminal), colour=_is_coloured(terminal=terminal), verbose=self._verbose,
                    quiet=self._quiet)


def _is_coloured(*, terminal: bool) -> bool:
    """Say whether there is colour: https://no-color.org first, then https://force-color.org, then the terminal."""
    if os.environ.get("NO_COLOR"):
        return False
    return os.environ.get("FORCE_COLOR", "0") not in {"", "0"} or (terminal and os.environ.get("TERM") != "dumb")


def write_out(data: bytes) -> None:
    """Write a text to standard output as its encoding has it; ``data`` is UTF-8. Raises as :func:`write_raw` does."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    write_raw(data.decode().encode(encoding, "backslashreplace"))


def write_raw(data: bytes) -> None:
    """Write bytes to standard output as they are.

    Raises:
        ClosedPipe: Its reader has gone.
        ImgbuildError: It cannot be written to.
    """
    obey()
    if sys.stdout is None:
        raise ImgbuildError("cannot write to standard output: it is closed")
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError as error:
        raise ClosedPipe from error
    except OSError as error:
        raise ImgbuildError(f"cannot write to standard output: {error.strerror}") from error


def _targets(formats: Sequence[str], output: str | None) -> list[_Target]:
    named = [_parse(text) for text in formats] or [_Target(reports.by_ending(output or "") or "text", None)]
    open_ended = [target for target in named if target.path is None]
    if len(open_ended) > 1:
        raise UsageError("two reports go to standard output", cure="give all but one a file: --format json=FILE")
    if output is not None and not open_ended:
        raise UsageError(f"all reports have a file, so nothing is left for -o {output!r}", cure="leave out -o")
    if output == "":
        raise UsageError("-o '' names no file", cure="write -o FILE, or - for standard output")
    for target in open_ended:
        target.path = None if output == STANDARD_OUTPUT else output
    return named


def _parse(text: str) -> _Target:
    name, equals, path = text.partition("=")
    if name not in reports.NAMES:
        cure = f"did you mean --claim {name}?" if name in format_names() else f"one of: {', '.join(reports.NAMES)}"
        raise UsageError(f"no report {name!r}", cure=cure)
    if equals and not path:
        raise UsageError(f"--format {text!r} names no file", cure=f"write --format {name}=FILE, or --format {name}")
    return _Target(name, None if path in {"", STANDARD_OUTPUT} else path)


def _is_same_file(one: str, other: str) -> bool:
    try:
        return os.path.samefile(one, other)
    except (OSError, ValueError):
        return False


def _width(*, terminal: bool) -> int:
    try:
        columns = os.get_terminal_size(sys.stdout.fileno()).columns if terminal else int(os.environ["COLUMNS"])
    except (OSError, ValueError, KeyError):
        columns = 0
    if terminal and columns > 0:
        return min(WIDEST, columns)
    return max(NARROWEST, min(WIDEST, columns or PIPED))
