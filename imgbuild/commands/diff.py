"""``imgbuild diff``: what changed between two manifests; ends with 1 where something did, as diff(1) does."""

from __future__ import annotations

from typing import Any

import click

from imgbuild.commands.completion import files
from imgbuild.commands.options import REPORT, options


@click.command("diff", short_help="Compare two manifests.",
               epilog="\b\nExample:\n  imgbuild diff samples/debian-12-tiny.manifest.json"
                      " samples/debian-12-tiny.manifest.json")
@click.argument("before", shell_complete=files)
@click.argument("after", shell_complete=files)
@options(*REPORT)
def command(before: str, after: str, **words: Any) -> int:  # noqa: ANN401 - the values of the options
    """Show what changed from the manifest BEFORE to the manifest AFTER: request, route, system, disk, readiness.

    Exit status 0 means that nothing did, 1 that something did.
    """
    from imgbuild import pipeline  # noqa: PLC0415 - --help needs none of it
    from imgbuild.commands.files import read_request  # noqa: PLC0415 - as above
    from imgbuild.commands.output import Output  # noqa: PLC0415 - as above
    from imgbuild.reports.views import DifferenceView  # noqa: PLC0415 - as above
    from imgbuild.verification import MANIFEST_BYTES  # noqa: PLC0415 - as above

    output = Output(words, inputs=[before, after])
    pair = [(path, read_request(path, MANIFEST_BYTES + 1)) for path in (before, after)]
    made = pipeline.diff(*pair)
    output.show(DifferenceView(difference=made))
    output.close()
    return int(bool(made.changes))
