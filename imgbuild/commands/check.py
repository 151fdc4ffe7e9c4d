"""``imgbuild check``: inspect, build and lint in one pass; the step for a pipeline."""

from __future__ import annotations

from typing import Any

import click

from imgbuild.commands.options import CHOICES, IMAGE, REPORT, choices_of, is_failure, option, options, settings_of
from imgbuild.errors import UsageError

# Where click's name of an option is not the option's.
_WORDS = {"tag": "tags", "set": "extra", "object": "address", "data-image": "data_images"}


@click.command("check", short_help="Inspect, build and lint in one pass.",
               epilog="\b\nExample:\n  imgbuild check samples/debian-12-tiny.qcow2")
@options("images")
@option("--request", metavar="R.json", help="Check this request instead of building one.")
@option("--manifest", metavar="FILE", help="Write the manifest, too, as JSON.")
@options("cloud", "operation", "min-disk-policy", "select", "ignore", "baseline", "fail-on", *IMAGE, *CHOICES, *REPORT)
def command(images: tuple[str, ...], request: str | None, manifest: str | None,
            **words: Any) -> int:  # noqa: ANN401 - the values of the options
    """Say whether disk images are ready to be uploaded: inspect them, build their requests, lint both.

    Exit status 0 means that there is no finding at or over --fail-on.
    """
    from imgbuild import pipeline  # noqa: PLC0415 - --help needs none of it
    from imgbuild.commands.files import read_request, write_whole  # noqa: PLC0415 - as above
    from imgbuild.commands.output import Output  # noqa: PLC0415 - as above
    from imgbuild.commands.progress import bar  # noqa: PLC0415 - as above
    from imgbuild.commands.reasons import entries_for  # noqa: PLC0415 - as above
    from imgbuild.reports.json import encode  # noqa: PLC0415 - as above
    from imgbuild.reports.views import FindingsView  # noqa: PLC0415 - as above

    choices = choices_of(words)
    if request is not None:
        _check_request_words(images, manifest, words)
    output = Output(words, inputs=[*images, *([request] if request else [])], others=[manifest] if manifest else [])
    data = read_request(request) if request else None
    checked = pipeline.check(images, settings_of(words), choices, progress=bar(quiet=words["quiet"]),
                             request=(request, data) if request and data is not None else None)
    status = int(any(is_failure(finding.severity, words["fail_on"]) for finding in checked.findings.findings))
    output.show(FindingsView(
        findings=checked.findings, cloud=words["cloud"], status=status, name=request, request=data,
        images=checked.inspections, manifests=checked.manifests, fail_on=words["fail_on"],
        rules=entries_for(checked.findings, words["cloud"])))
    output.close()
    built = [made for made in checked.manifests if made is not None]
    if manifest and built:
        write_whole(manifest, b"".join(encode(made, line=len(images) > 1) for made in built))
    return status


def _check_request_words(images: tuple[str, ...], manifest: str | None, words: dict[str, Any]) -> None:
    """Refuse what makes no sense beside a request of one's own: it is not built, and it belongs to one image."""
    chosen = [option for option in CHOICES if words[_WORDS.get(option, option.replace("-", "_"))] not in {None, ()}]
    if chosen:
        raise UsageError(f"--{chosen[0]} and --request contradict each other", cure="change the request itself")
    if manifest is not None:
        raise UsageError("--manifest and --request contradict each other", cure="a manifest holds the request it built")
    if len(images) > 1:
        raise UsageError(f"one request, but {len(images)} images", cure="check each image with the request made for it")
