"""``imgbuild lint``: prints what is wrong with a request, and with --image what does not fit the image."""

from __future__ import annotations

from typing import Any

import click

from imgbuild.commands.completion import files
from imgbuild.commands.options import REPORT, is_failure, option, options, settings_of


@click.command("lint", short_help="Compare a request with the rules.",
               epilog="\b\nExample:\n  imgbuild lint samples/requests/create-image.json")
@click.argument("request", shell_complete=files)
@option("--image", metavar="FILE", help="Compare the request with this image, too.")
@options("cloud", "operation", "min-disk-policy", "select", "ignore", "baseline", "fail-on", "claim", "time-limit",
         "rules", "catalogue", *REPORT)
def command(request: str, image: str | None, **words: Any) -> int:  # noqa: ANN401 - the values of the options
    """Compare a create request with the documented rules. REQUEST is a JSON file, or - for standard input.

    Each finding names its place in the file, the reason, the cure, and the documents that say so.
    """
    from imgbuild import pipeline  # noqa: PLC0415 - --help needs none of it
    from imgbuild.commands.files import read_request  # noqa: PLC0415 - as above
    from imgbuild.commands.output import Output  # noqa: PLC0415 - as above
    from imgbuild.commands.reasons import entries_for  # noqa: PLC0415 - as above
    from imgbuild.reports.views import FindingsView  # noqa: PLC0415 - as above

    output = Output(words, inputs=[request, *([image] if image else [])])
    settings = settings_of({**words, "no_checksum": True})  # no rule on a request asks for a checksum
    data = read_request(request)
    findings = pipeline.lint(data, settings, name=request, image=image)
    status = int(any(is_failure(finding.severity, words["fail_on"]) for finding in findings.findings))
    output.show(FindingsView(findings=findings, cloud=words["cloud"], status=status, name=request, request=data,
                             fail_on=words["fail_on"], rules=entries_for(findings, words["cloud"], words["rules"])))
    output.close()
    return status
