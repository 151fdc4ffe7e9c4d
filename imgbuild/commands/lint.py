"""``imgbuild lint``: prints what is wrong with a request, and with --image what does not fit the image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from imgbuild.commands.completion import files
from imgbuild.commands.options import REPORT, option, options, settings_of

if TYPE_CHECKING:
    from imgbuild.commands.output import Output
    from imgbuild.documents.findings import Findings
    from imgbuild.documents.inspection import Inspection
    from imgbuild.settings import Settings


@click.command("lint", short_help="Compare a request with the rules.",
               epilog="\b\nExample:\n  imgbuild lint samples/requests/create-image.json")
@click.argument("request", shell_complete=files)
@option("--image", metavar="FILE", help="Compare the request with this image, too.")
@option("--fix", is_flag=True, help="Mend in the file what is safe to mend, show the diff on standard error, and "
        "report what is left. The mended text of standard input goes to standard output.")
@option("--diff", is_flag=True, help="Write what --fix would change as a unified diff, and exit with 1 if it is "
        "anything; the file stays as it is.")
@options("cloud", "operation", "min-disk-policy", "select", "ignore", "baseline", "fail-on", "claim",
         "allow-external", "allow-device", "time-limit", "rules", "catalogue", *REPORT)
def command(request: str, image: str | None, **words: Any) -> int:  # noqa: ANN401 - the values of the options
    """Compare a create request with the documented rules. REQUEST is a JSON file, or - for standard input.

    Each finding names its place in the file, the reason, the cure, and the documents that say so.
    """
    if words["fix"] or words["diff"]:
        from imgbuild.commands.mending import mend  # noqa: PLC0415 - as below

        return mend(request, image, words)
    from imgbuild import pipeline  # noqa: PLC0415 - --help needs none of it
    from imgbuild.commands.files import read_request  # noqa: PLC0415 - as above
    from imgbuild.commands.output import Output  # noqa: PLC0415 - as above

    output = Output(words, inputs=[request, *([image] if image else [])])
    settings = lint_settings(words, output)
    data = read_request(request)
    facts = facts_of(image, settings, output)
    findings = pipeline.lint(data, settings, name=request, image=facts)
    return report(output, request, data, findings, facts, words)


def lint_settings(words: dict[str, Any], output: Output | None) -> Settings:
    """Return the settings of a run; no rule on a request asks for a checksum."""
    return settings_of({**words, "no_checksum": True, "space": output is not None and output.draws})


def facts_of(image: str | None, settings: Settings, output: Output | None) -> Inspection | None:
    """Return the facts of the image that a request is compared with, if there is one."""
    if image is None:
        return None
    from imgbuild.examination import nothing  # noqa: PLC0415 - as above
    from imgbuild.pipeline.examining import examine  # noqa: PLC0415 - as above

    return examine(image, settings, None, nothing if output is None else output.prepare)


def report(output: Output, request: str, data: bytes, findings: Findings, facts: Inspection | None,
           words: dict[str, Any]) -> int:
    """Write the reports on a request whose text is ``data``; return the exit status that follows."""
    from imgbuild.commands.reasons import entries_for  # noqa: PLC0415 - as above
    from imgbuild.reports.findings import exit_status  # noqa: PLC0415 - as above
    from imgbuild.reports.views import FindingsView  # noqa: PLC0415 - as above

    status = exit_status(findings.findings, words["fail_on"])
    output.show(FindingsView(findings=findings, cloud=words["cloud"], status=status, name=request, request=data,
                             images=() if facts is None else (facts,), of_request=True, fail_on=words["fail_on"],
                             rules=entries_for(findings, words["cloud"], words["rules"], words["catalogue"])))
    output.close()
    return status
