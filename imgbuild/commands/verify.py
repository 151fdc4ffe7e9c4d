"""``imgbuild verify``: is the image still the one of its manifest, and did the server store what was asked."""

from __future__ import annotations

from typing import Any

import click

from imgbuild.commands.completion import files
from imgbuild.commands.options import REPORT, is_failure, option, options, settings_of


@click.command("verify", short_help="Compare a manifest with its image, or with the server's answer.",
               epilog="\b\nExample:\n  imgbuild verify samples/debian-12-tiny.manifest.json")
@click.argument("manifest", shell_complete=files)
@click.argument("image", required=False, shell_complete=files)
@option("--response", metavar="ANSWER.json", help="Compare the server's answer to the create call, or to a GET, "
              "with what the manifest foretold; the image is then read only if it is named.")
@options("select", "ignore", "baseline", "fail-on", "time-limit", "allow-external", "rules", "catalogue", *REPORT)
def command(manifest: str, image: str | None, response: str | None,
            **words: Any) -> int:  # noqa: ANN401 - the values of the options
    """Say whether an image is still the one that MANIFEST describes: size, checksums, content, and today's rules.

    IMAGE is looked for beside the manifest, then as it was typed when the manifest was built.
    """
    from imgbuild import pipeline  # noqa: PLC0415 - --help needs none of it
    from imgbuild.commands.files import read_request  # noqa: PLC0415 - as above
    from imgbuild.commands.output import Output  # noqa: PLC0415 - as above
    from imgbuild.commands.progress import bar  # noqa: PLC0415 - as above
    from imgbuild.commands.reasons import entries_for  # noqa: PLC0415 - as above
    from imgbuild.model import Findings  # noqa: PLC0415 - as above
    from imgbuild.reports.views import FindingsView  # noqa: PLC0415 - as above
    from imgbuild.verification import MANIFEST_BYTES, read_manifest  # noqa: PLC0415 - as above

    output = Output(words, inputs=[path for path in (manifest, image, response) if path is not None])
    data = read_request(manifest, MANIFEST_BYTES + 1)
    cloud = read_manifest(data, manifest).cloud
    answer = (response, read_request(response)) if response is not None else None
    made = pipeline.verify(manifest, settings_of(words), data=data, image=image, answer=answer,
                           meanwhile=output.prepare, progress=bar(quiet=words["quiet"]))
    status = int(any(is_failure(finding.severity, words["fail_on"]) for finding in made.findings))
    findings = Findings(summary=made.summary, rules=made.rules, findings=made.findings, accepted=made.accepted)
    output.show(FindingsView(findings=findings, cloud=cloud, status=status, name=response or manifest,
                             request=answer[1] if answer else None, fail_on=words["fail_on"],
                             rules=entries_for(findings, cloud, words["rules"]), verification=made))
    output.close()
    return status
