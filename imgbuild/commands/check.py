"""``imgbuild check``: inspect, build and lint in one pass; the step for a pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from imgbuild.commands.ahead import begin
from imgbuild.commands.completion import files
from imgbuild.commands.everywhere import check_everywhere
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
from imgbuild.errors import UsageError

if TYPE_CHECKING:
    from imgbuild.packer import Record

# Where click's name of an option is not the option's.
_WORDS = {"tag": "tags", "set": "extra", "object": "address", "data-image": "data_images"}


@click.command("check", short_help="Inspect, build and lint in one pass.",
               epilog="\b\nExample:\n  imgbuild check samples/debian-12-tiny.qcow2")
@click.argument("images", metavar="[IMAGE...]", nargs=-1, shell_complete=files)
@option("--packer-manifest", metavar="FILE", help="Check the images of Packer's last run, as its manifest lists them, "
        "and compare sizes and checksum files.")
@option("--request", metavar="R.json", help="Check this request instead of building one.")
@option("--manifest", metavar="FILE", help="Write the manifest, too, as JSON.")
@options("cloud", "operation", "min-disk-policy", "catalogue", "select", "ignore", "baseline", "fail-on", *IMAGE,
         *CHOICES, *STATEMENT, *REPORT)
def command(images: tuple[str, ...], packer_manifest: str | None, request: str | None, manifest: str | None,
            **words: Any) -> int:  # noqa: ANN401 - the values of the options
    """Say whether disk images are ready to be uploaded: inspect them, build their requests, lint both.

    Exit status 0 means that there is no finding at or over --fail-on; with --cloud all, which shows in one table where
    each image can go, that each can go somewhere.
    """
    begun = begin(images, words)
    from imgbuild import pipeline  # noqa: PLC0415 - --help needs none of it
    from imgbuild.commands.attesting import attestation, with_sha256  # noqa: PLC0415 - as above
    from imgbuild.commands.files import read_request, write_whole  # noqa: PLC0415 - as above
    from imgbuild.commands.output import Output  # noqa: PLC0415 - as above
    from imgbuild.commands.progress import bar  # noqa: PLC0415 - as above
    from imgbuild.commands.reasons import entries_for  # noqa: PLC0415 - as above
    from imgbuild.defaults import ALL  # noqa: PLC0415 - as above
    from imgbuild.reports.findings import exit_status  # noqa: PLC0415 - as above
    from imgbuild.reports.json import encode  # noqa: PLC0415 - as above
    from imgbuild.reports.views import FindingsView  # noqa: PLC0415 - as above

    if words["cloud"] == ALL:
        return check_everywhere(images, {**words, "request": request, "manifest": manifest,
                                         "packer_manifest": packer_manifest})
    choices = choices_of(words, len(images))
    records = _records(images, packer_manifest)
    images = tuple(dict.fromkeys((*images, *(record.path for record in records))))
    if request is not None:
        _check_request_words(images, manifest, words)
    stated = attestation(words, len(images))
    output = Output(words, inputs=[*images, *(path for path in (request, packer_manifest, words["sign_key"]) if path)],
                    others=[path for path in (manifest, words["statement"]) if path])
    data = read_request(request) if request else None
    settings = settings_of(with_sha256(words | {"space": output.draws}))
    checked = pipeline.check(images, settings, choices, progress=bar(quiet=words["quiet"]), meanwhile=output.prepare,
                             request=(request, data) if request and data is not None else None, records=records,
                             begun=begun)
    status = exit_status(checked.findings.findings, words["fail_on"])
    output.show(FindingsView(
        findings=checked.findings, cloud=words["cloud"], status=status, name=request, request=data,
        images=checked.inspections, manifests=checked.manifests, fail_on=words["fail_on"],
        rules=entries_for(checked.findings, words["cloud"], words["rules"], words["catalogue"])))
    output.close()
    built = [made for made in checked.manifests if made is not None]
    if manifest and built:
        write_whole(manifest, b"".join(encode(made, line=len(images) > 1) for made in built))
    if stated is not None:
        stated.write(checked.inspections[0], checked.findings, failed=bool(status))
    return status


def _records(images: tuple[str, ...], packer_manifest: str | None) -> tuple[Record, ...]:
    """Return what Packer recorded of its images; raises UsageError where nothing is named to be checked."""
    if packer_manifest is None:
        if not images:
            raise UsageError("no image is named", cure="imgbuild check IMAGE..., or --packer-manifest FILE")
        return ()
    from imgbuild.commands.files import read_request  # noqa: PLC0415 - for those who use Packer
    from imgbuild.packer import MANIFEST_BYTES, read_manifest  # noqa: PLC0415 - as above

    return read_manifest(packer_manifest, read_request(packer_manifest, MANIFEST_BYTES + 1))


def _check_request_words(images: tuple[str, ...], manifest: str | None, words: dict[str, Any]) -> None:
    """Refuse what makes no sense beside a request of one's own: it is not built, and it belongs to one image."""
    chosen = [option for option in CHOICES if words[_WORDS.get(option, option.replace("-", "_"))] not in {None, ()}]
    if chosen:
        raise UsageError(f"--{chosen[0]} and --request contradict each other", cure="change the request itself")
    if manifest is not None:
        raise UsageError("--manifest and --request contradict each other", cure="a manifest holds the request it built")
    if len(images) > 1:
        raise UsageError(f"one request, but {len(images)} images", cure="check each image with the request made for it")
