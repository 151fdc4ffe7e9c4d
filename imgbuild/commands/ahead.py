"""What a command begins with: the image is hashed from here on, while all else is imported and read.

It takes a fifth of a second until everything is there that a check needs, and the file can be hashed in that time.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from imgbuild.defaults import DEFAULT_CHECKSUMS, DEFAULT_CLOUD
from imgbuild.errors import ImgbuildError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imgbuild.hashing import Hashing


def begin(images: Sequence[str], words: dict[str, Any]) -> Hashing | None:
    """Return what hashes the first image by now; it is given up with the command, if nobody has waited for it.

    ``None`` where the rules must be read to know which checksums are wanted, or where there is nothing to hash; what is
    wrong with the words or the file is said by those who come to it.
    """
    if not images or words["no_checksum"] or words["cache"] or words["cloud"] != DEFAULT_CLOUD:
        return None
    from imgbuild.hashing import Hashing  # noqa: PLC0415 - --help needs none of it
    from imgbuild.source import open_source  # noqa: PLC0415 - as above

    with suppress(ImgbuildError):
        source = open_source(images[0], allow_device=words["allow_device"])
        context = click.get_current_context()
        context.call_on_close(source.close)
        begun = Hashing(source, words["checksums"] or DEFAULT_CHECKSUMS)
        context.call_on_close(begun.give_up)
        return begun
    return None
