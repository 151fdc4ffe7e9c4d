"""The checksums of an image: an open source and names of algorithms in, digests out, of what is known and what is read.

``digest.py`` reads the file, ``known.py`` keeps what it found for those who ask for that.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from imgbuild.digest import algorithm_name, digest
from imgbuild.documents.inspection import Hashed
from imgbuild.readers import BrokenImage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imgbuild.digest import Progress
    from imgbuild.source import Source


def hash_file(source: Source, algorithms: Sequence[str], progress: Progress | None, *, cache: bool) -> Hashed:
    """Return the checksums of a file; with ``cache`` those that are known of it are not computed.

    Raises:
        UsageError: An algorithm is not known.
        SourceError: The system could not read the file.
    """
    names = tuple(dict.fromkeys(map(algorithm_name, algorithms)))
    started = time.monotonic()
    known = _recall(source, names) if cache else {}
    try:
        computed = digest(source, [name for name in names if name not in known], progress=progress)
    except BrokenImage as changed:
        return Hashed(problem=changed.problem)
    if cache and computed:
        _remember(source, computed)
    both = {**known, **computed}
    return Hashed(checksums={name: both[name] for name in names}, cached=tuple(known),
                  seconds=time.monotonic() - started if computed else None)


def _recall(source: Source, names: Sequence[str]) -> dict[str, str]:
    from imgbuild import known  # noqa: PLC0415 - for those who ask for it

    return known.recall(source, names)


def _remember(source: Source, checksums: dict[str, str]) -> None:
    from imgbuild import known  # noqa: PLC0415 - as above

    known.remember(source, checksums)
