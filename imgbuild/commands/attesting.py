"""What --statement and --sign-key write: an image that was verified in, a file with a statement on it out.

A verification summary must have a time. It is that of SOURCE_DATE_EPOCH where that is set, so that the same facts give
the same bytes, https://reproducible-builds.org/specs/source-date-epoch/; else it is now.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from imgbuild.errors import ImgbuildError, UsageError

if TYPE_CHECKING:
    from securesystemslib.signer import CryptoSigner

    from imgbuild.documents.findings import Findings
    from imgbuild.documents.inspection import Inspection

_LATEST = 253402300799  # the end of the year 9999


class Attestation:
    """The statement of a run: wrong words and a broken key are told before any work."""

    def __init__(self, words: dict[str, Any], images: int) -> None:
        """Take the words of a command line.

        Raises:
            UsageError: The words contradict each other.
            ImgbuildError: The key cannot be used, or the libraries to sign are missing.
        """
        self.path: str = words["statement"]
        self._cloud: str = words["cloud"]
        self._book = (words["cloud"], words["rules"], words.get("catalogue"))
        if images > 1:
            raise UsageError(f"one statement, but {images} images", cure="give each image a run of its own")
        if words["no_checksum"]:
            raise UsageError("--statement and --no-checksum contradict each other", cure="a statement is on a checksum")
        self._when = _timestamp()
        self._signer: CryptoSigner | None = None
        if words["sign_key"] is not None:
            from imgbuild.signing import load_signer  # noqa: PLC0415 - for those who sign

            self._signer = load_signer(words["sign_key"])

    def write(self, image: Inspection, findings: Findings, *, failed: bool) -> None:
        """Write the statement, in a signed envelope where there is a key."""
        from imgbuild.commands.files import write_whole  # noqa: PLC0415 - as above
        from imgbuild.reports.json import encode  # noqa: PLC0415 - as above
        from imgbuild.rulebook.digest import digest_of  # noqa: PLC0415 - as above
        from imgbuild.statements import state  # noqa: PLC0415 - as above

        if not (image.checksums or {}).get("sha256"):
            raise ImgbuildError("there is no sha256 to state anything of", cure="check it while nobody writes to it")
        made = state(image, findings, cloud=self._cloud, book=digest_of(*self._book), failed=failed,
                     when=self._when)
        if self._signer is None:
            write_whole(self.path, encode(made))
            return
        from imgbuild.signing import sign  # noqa: PLC0415 - as above

        write_whole(self.path, encode(sign(encode(made, line=True), self._signer)))


def attestation(words: dict[str, Any], images: int) -> Attestation | None:
    """Return what will write the statement, ``None`` where none is asked for; raises as it does."""
    if words["statement"] is None:
        if words["sign_key"] is not None and _is_typed("sign_key"):
            raise UsageError("--sign-key signs a statement", cure="name its file: --statement FILE")
        return None
    return Attestation(words, images)


def _is_typed(name: str) -> bool:
    """Say whether an option stands on the command line: what the environment names is for the runs that need it."""
    return click.get_current_context().get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE


def with_sha256(words: dict[str, Any]) -> dict[str, Any]:
    """Return the words with the checksum that a statement is on, where others were chosen."""
    if words["statement"] is None or not words["checksums"]:
        return words
    return {**words, "checksums": (*words["checksums"], "sha256")}


def _timestamp() -> str:
    from datetime import UTC, datetime  # noqa: PLC0415 - as above

    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if epoch is None:
        return datetime.now(tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if not epoch.isdecimal() or not epoch.isascii() or int(epoch) > _LATEST:
        raise UsageError(f"SOURCE_DATE_EPOCH {epoch!r} is no number of seconds", cure="set it to one, or unset it")
    return datetime.fromtimestamp(int(epoch), tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
