"""``imgbuild lint --fix`` and ``--diff``: the request is mended in its file, or the patch that would do so is printed.

As ruff does it (https://docs.astral.sh/ruff/linter/#fixes): ``--fix`` reports what is left and its exit status is that
of the report; of standard input the text goes to standard output, mended or not; ``--diff`` writes nothing and exits
with 1 if there is something to change, whatever else is found. Where text or patch has standard output, a report can
go to a file only. A file of several names (hard links) is mended under each, which is said.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from imgbuild.commands.files import REQUEST_BYTES, STANDARD_INPUT, links_of, read_request, rewrite
from imgbuild.commands.lint import facts_of, lint_settings, report
from imgbuild.commands.output import Output, write_out, write_raw
from imgbuild.commands.program import say
from imgbuild.errors import ImgbuildError, UsageError
from imgbuild.reports.page import counted
from imgbuild.reports.patch import fit_for_terminal, unified_diff

if TYPE_CHECKING:
    from imgbuild.documents.findings import Findings
    from imgbuild.fixing import Fixed


def mend(request: str, image: str | None, words: dict[str, Any]) -> int:
    """Mend a request, or show how it would be; return the exit status."""
    from imgbuild import pipeline  # noqa: PLC0415 - wrong words are told before it is read
    from imgbuild.reports.findings import exit_status  # noqa: PLC0415 - as above

    output = _output(request, image, words)
    settings = lint_settings(words, output)
    data = read_request(request)
    facts = facts_of(image, settings, output)
    fixed = pipeline.fix(data, settings, name=request, image=facts)
    status = exit_status(fixed.findings.findings, words["fail_on"])
    if words["diff"]:
        _show(unified_diff(data, fixed.data, request) if fixed.data != data else "")
        status = int(fixed.data != data)
    elif request == STANDARD_INPUT:
        write_raw(fixed.data if len(data) < REQUEST_BYTES else b"")  # the rest of what is too large was not read
    else:
        _write(request, data, fixed, quiet=words["quiet"])
    if output is None:
        _summarise(fixed.findings, words)
    else:
        report(output, request, fixed.data, fixed.findings, facts, words)
    return status


def _output(request: str, image: str | None, words: dict[str, Any]) -> Output | None:
    """Return where the reports go, ``None`` where they would go to standard output and that is taken.

    Raises:
        UsageError: The words contradict each other.
    """
    if words["fix"] and words["diff"]:
        raise UsageError("--fix and --diff contradict each other", cure="--diff shows what --fix would do")
    formats = words["formats"]
    to_files = bool(formats) and all("=" in text and not text.endswith("=-") for text in formats)
    if to_files or words["output"] not in {None, "-"} or not (words["diff"] or request == STANDARD_INPUT):
        return Output(words, inputs=[request, *([image] if image else [])])
    if formats or words["output"]:
        taken = "the patch" if words["diff"] else "the text of the request"
        raise UsageError(f"{taken} and a report both go to standard output", cure="give the report a file: -o FILE")
    return None


def _show(patch: str) -> None:
    """Write a patch to standard output: as it is for a program, fit for the terminal for a person."""
    if sys.stdout is not None and sys.stdout.isatty():
        write_out(fit_for_terminal(patch).encode())
    else:
        write_raw(patch.encode())


def _write(request: str, data: bytes, fixed: Fixed, *, quiet: bool) -> None:
    """Put the mended text in the place of the file, and show on standard error what has changed."""
    if fixed.data == data:
        return
    if not os.path.isfile(request):
        raise ImgbuildError(f"cannot write {request!r}: it is no regular file",
                            cure="- takes the text of standard input, and gives it mended to standard output")
    if not os.access(request, os.W_OK):
        raise ImgbuildError(f"cannot write {request!r}: it is read-only", cure="--diff shows what would change")
    if read_request(request) != data:
        raise ImgbuildError(f"{request!r} was changed while it was looked at", cure="run it again")
    names = links_of(request)
    rewrite(request, data, fixed.data)
    if not quiet:
        if names > 1:
            say(f"{request} has {names} names (hard links): it is mended under each")
        patch = fit_for_terminal(unified_diff(data, fixed.data, request))
        click.echo(patch.encode(getattr(sys.stderr, "encoding", None) or "utf-8", "backslashreplace"), nl=False,
                   err=True)


def _summarise(findings: Findings, words: dict[str, Any]) -> None:
    """Say on standard error how much is mended, and what is left."""
    if words["quiet"]:
        return
    summary = findings.summary
    left = ", ".join(counted(getattr(summary, severity), severity) for severity in ("error", "warning", "note"))
    done = "would be mended" if words["diff"] else "mended"
    say(f"{counted(findings.fixed or 0, 'finding')} {done}; {left} left")
