"""What --as-catalogue prints: a manifest in, the entry of an image catalogue out, instead of a report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from imgbuild.errors import UsageError

if TYPE_CHECKING:
    from imgbuild.documents.manifest import Manifest


def check_words(words: dict[str, Any], images: int) -> None:
    """Refuse what makes no sense, before any work; raises UsageError."""
    from imgbuild.catalogues import vocabulary  # noqa: PLC0415 - for those who keep a catalogue

    if words["as_catalogue"] is None:
        raise UsageError("--url and --login are for entries of a catalogue", cure="add --as-catalogue NAME")
    vocabulary(words["as_catalogue"])
    if words["formats"] or words["request_only"] or words["script"]:
        raise UsageError("an entry of a catalogue is no report", cure="leave out --format, --request-only and --script")
    if words["url"] is None:
        raise UsageError("nobody knows where the file will be downloaded from", cure="--url URL")
    if images > 1:
        raise UsageError(f"one address, but {images} images", cure="build each image's entry by itself")


def write_entry(words: dict[str, Any], manifest: Manifest) -> None:
    """Write the entry to standard output, or to the file that is named."""
    from imgbuild.catalogues import Asked, entry  # noqa: PLC0415 - as above
    from imgbuild.commands.files import write_whole  # noqa: PLC0415 - as above
    from imgbuild.commands.output import write_out  # noqa: PLC0415 - as above

    data = entry(words["as_catalogue"], manifest, Asked(words["url"], words["login"])).encode()
    if words["output"] in {None, "-"}:
        write_out(data)
    else:
        write_whole(words["output"], data)
