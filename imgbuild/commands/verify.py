"""``imgbuild verify``: is the image that of its manifest or statement, and did the server store what was asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from imgbuild.commands.completion import files
from imgbuild.commands.options import REPORT, option, options, settings_of
from imgbuild.errors import UsageError

if TYPE_CHECKING:
    from imgbuild.documents.manifest import Manifest
    from imgbuild.documents.verification import Verification


@click.command("verify", short_help="Compare a manifest with its image, or with the server's answer.",
               epilog="\b\nExample:\n  imgbuild verify samples/debian-12-tiny.manifest.json")
@click.argument("manifest", shell_complete=files)
@click.argument("image", required=False, shell_complete=files)
@option("--response", metavar="ANSWER.json", help="Compare the server's answer to the create call, or to a GET, "
              "with what the manifest foretold; the image is then read only if it is named.")
@option("--statement", metavar="FILE", help="Verify this statement on the image, too: signature, image, rule book.")
@option("--key", metavar="FILE", help="The public key, in PEM, of whoever signed the statement.")
# Of this command alone: whoever has his manifests built with content does not want less compared than the file.
@click.option("--content", "by_content", is_flag=True, help="Compare the disk with the one that MANIFEST, built with "
              "--content, has a digest of, and not the file: IMAGE may be another container of it.")
@options("select", "ignore", "baseline", "fail-on", "time-limit", "allow-external", "allow-device",
         "rules", "catalogue", *REPORT)
def command(manifest: str, image: str | None, response: str | None, statement: str | None, key: str | None, *,
            by_content: bool, **words: Any) -> int:  # noqa: ANN401 - the values of the options
    """Say whether an image is still the one that MANIFEST describes: size, checksums, facts, and today's rules.

    IMAGE is looked for beside the manifest, then as it was typed when the manifest was built. MANIFEST may also be a
    statement that imgbuild check --statement wrote, with or without a signature.
    """
    from imgbuild.commands.files import read_request  # noqa: PLC0415 - --help needs none of it
    from imgbuild.commands.output import Output  # noqa: PLC0415 - as above
    from imgbuild.commands.reasons import entries_for  # noqa: PLC0415 - as above
    from imgbuild.documents.findings import Findings  # noqa: PLC0415 - as above
    from imgbuild.reports.findings import exit_status  # noqa: PLC0415 - as above
    from imgbuild.reports.views import FindingsView  # noqa: PLC0415 - as above
    from imgbuild.verification import MANIFEST_BYTES  # noqa: PLC0415 - as above

    output = Output(words, inputs=[path for path in (manifest, image, response, statement, key) if path is not None])
    data = read_request(manifest, MANIFEST_BYTES + 1)
    answer = (response, read_request(response)) if response is not None else None
    made, cloud, described = _verify((manifest, data), image, answer, statement,
                                     words | {"key": key, "content": by_content, "meanwhile": output.prepare})
    status = exit_status(made.findings, words["fail_on"])
    findings = Findings(summary=made.summary, rules=made.rules, findings=made.findings, accepted=made.accepted)
    output.show(FindingsView(findings=findings, cloud=cloud, status=status, name=response or manifest,
                             request=answer[1] if answer else None, fail_on=words["fail_on"],
                             rules=entries_for(findings, cloud, words["rules"], words["catalogue"]), verification=made,
                             manifests=() if described is None else (described,)))
    output.close()
    return status


def _verify(document: tuple[str, bytes], image: str | None, answer: tuple[str, bytes] | None, statement: str | None,
            words: dict[str, Any]) -> tuple[Verification, str, Manifest | None]:
    """Return what was found, and for which cloud: of a manifest, which comes third, or of a statement in its place."""
    from imgbuild.commands.files import read_request  # noqa: PLC0415 - as above
    from imgbuild.commands.progress import bar  # noqa: PLC0415 - as above
    from imgbuild.pipeline import verifying  # noqa: PLC0415 - as above
    from imgbuild.statements import STATEMENT_BYTES, is_statement, read_statement  # noqa: PLC0415 - as above
    from imgbuild.verification import read_manifest  # noqa: PLC0415 - as above

    path, data = document
    settings, progress = settings_of(words), bar(quiet=words["quiet"])
    if is_statement(data):
        if settings.content:
            raise UsageError(f"{path!r} is a statement, which has no digest of the disk", cure="name the manifest")
        if answer is not None or statement is not None:
            raise UsageError(f"{path!r} is a statement: no answer and no other statement is compared with it",
                             cure="name the manifest, and the statement with --statement")
        said = read_statement(path, data, words["key"])
        return verifying.verify_statement(said, settings, image=image, progress=progress,
                                          meanwhile=words["meanwhile"]), said.cloud or settings.cloud, None
    if statement is None and words["key"] is not None:
        raise UsageError("--key verifies a statement", cure="name it: --statement FILE")
    described = read_manifest(data, path)
    attested = None if statement is None else read_statement(statement, read_request(statement, STATEMENT_BYTES + 1),
                                                             words["key"])
    return verifying.verify_manifest(described, path, settings, image=image, answer=answer, statement=attested,
                                     progress=progress, meanwhile=words["meanwhile"]), described.cloud, described
