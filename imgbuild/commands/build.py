"""``imgbuild build``: prints the manifest of images; what is no image gets a line on standard error instead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from imgbuild.commands.ahead import begin
from imgbuild.commands.options import (
    CHOICES,
    IMAGE,
    REPORT,
    STATEMENT,
    choices_of,
    option,
    options,
    settings_of,
)
from imgbuild.commands.program import say

if TYPE_CHECKING:
    from imgbuild.documents.findings import Findings


@click.command("build", short_help="Derive the create request.",
               epilog="\b\nExample:\n  imgbuild build samples/debian-12-tiny.qcow2 --name web --tag team=blue")
@options("images", *CHOICES, "cloud", "operation", "min-disk-policy", "catalogue", *IMAGE)
@option("--request-only", is_flag=True, help="Print the body of the request alone, as JSON.")
@option("--script", type=click.Choice(["curl", "openstack", "python"]), help="Print the calls, the upload included, as "
        "a script for curl, for OpenStack's client or for Huawei Cloud's Python SDK.")
@option("--as-catalogue", metavar="NAME", help="Print the entry for an image catalogue of OpenStack instead: "
        "image-manager or orc; with --cloud openstack or scs.")
@option("--url", metavar="URL", help="Where the entry says that the file can be downloaded from.")
@option("--login", metavar="USER", help="Who the entry says logs in, where the guest does not say it.")
@options("fail-on", *STATEMENT, *REPORT)
def command(images: tuple[str, ...], **words: Any) -> int:  # noqa: ANN401 - the values of the options
    """Derive the create request of disk images and print it as a manifest: facts, fields with reasons, import path.

    What you choose is obeyed; whether it fits the image is for 'imgbuild check' to say.
    """
    begun = begin(images, words)
    from imgbuild import pipeline  # noqa: PLC0415 - --help needs none of it
    from imgbuild.commands.attesting import attestation, with_sha256  # noqa: PLC0415 - as above
    from imgbuild.commands.cataloguing import check_words, write_entry  # noqa: PLC0415 - as above
    from imgbuild.commands.output import Output  # noqa: PLC0415 - as above
    from imgbuild.commands.progress import bar  # noqa: PLC0415 - as above
    from imgbuild.commands.scripting import script_of  # noqa: PLC0415 - as above
    from imgbuild.reports.views import ManifestView  # noqa: PLC0415 - as above

    if words["as_catalogue"] is not None or words["url"] is not None or words["login"] is not None:
        check_words(words, len(images))
    stated = attestation(words, len(images))
    script = script_of(words, len(images))
    output = Output(script.words if script else words, inputs=[*images, *filter(None, [words["sign_key"]])],
                    others=[path for path in [words["statement"], script.path if script else None] if path])
    settings, choices = settings_of(with_sha256(words)), choices_of(words, len(images))
    progress = bar(quiet=words["quiet"])
    status = 0
    for number, path in enumerate(images):
        built = pipeline.build(path, settings, choices, whole=stated is not None, progress=progress,
                               meanwhile=output.prepare, begun=begun)
        if built.manifest is None:
            say(_refusal(path, built.findings))
            status = 1
            continue
        if words["as_catalogue"] is not None:
            write_entry(words, built.manifest)
        else:
            output.show(ManifestView(manifest=built.manifest, number=number, several=len(images) > 1,
                                     request_only=words["request_only"]))
        status = max(status, _say_failures(path, built.findings, words["fail_on"]))
        if script is not None and not status:
            script.write(built.manifest, path)
        if stated is not None:
            stated.write(built.manifest.image, built.findings, failed=bool(status))
    output.close()
    return status


def _refusal(path: str, findings: Findings) -> str:
    reason = next((f"{finding.message} ({finding.rule})" for finding in findings.findings), "its format is not known")
    return f"{path!r} is no disk image to build a request for: {reason}"


def _say_failures(path: str, findings: Findings, fail_on: str) -> int:
    from imgbuild.reports.findings import counts  # noqa: PLC0415 - as above

    failures = [finding for finding in findings.findings if counts(finding, fail_on)]
    for finding in failures:
        say(f"{path!r}: {finding.severity}: {finding.message} ({finding.rule})")
    return 1 if failures else 0
