"""A tar archive or an OVA package: the file in; its entries, and the disks among them, read in place, out.

Nothing is taken out, so no name in the archive can lead anywhere; those that would, if somebody else did, are a
problem (CVE-2001-1267 and many since).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from imgbuild.formats import FORMATS
from imgbuild.formats.tarentries import read_archive
from imgbuild.inside import Found, Part, inside_of, words
from imgbuild.inside.hashes import digests_of
from imgbuild.readers import problem, quoted
from imgbuild.sizes import MIB

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from imgbuild.documents.inspection import Inside
    from imgbuild.formats.tarentries import Entry
    from imgbuild.inside import Job
    from imgbuild.inside.package import Package
    from imgbuild.model import Problem

MOST_DISKS = 16
MOST_LISTED = 64

_TITLES = {"tar": "a tar archive", "ova": "an OVA package"}
_PLAIN_NAMES = frozenset({"img", "image", "bin", "dd"})


def look(name: str, job: Job) -> None:
    """Look into an archive of the format ``name`` and report what is inside."""
    archive = read_archive(job.reader)
    problems = list(_unsafe(archive.entries, strict=name == "ova"))
    if archive.failure is not None and job.whole:
        problems.append(archive.failure.problem)
    container: dict[str, object] = {"entries": [{"name": entry.name, "kind": entry.kind, "size": entry.size}
                                                for entry in archive.entries[:MOST_LISTED]]}
    package = None
    if name == "ova":
        from imgbuild.inside import package as packages  # noqa: PLC0415 - not for other archives

        package = packages.read(archive.entries)
        container |= package.facts()
        problems += package.problems(archive.entries)
    images: list[Inside] = []
    for entry in _candidates(archive.entries, package):
        image, found = _examine(entry, job)
        if image is not None:
            images.append(image)
            problems += found
            job.report(_found(name, job, images, problems, container, len(archive.entries)))
    if package is not None:
        problems += package.contradictions(images)
        job.report(_found(name, job, images, problems, container, len(archive.entries)))
    if job.whole:
        known = _hash(archive.entries, images, job)
        images = [msgspec.structs.replace(image, checksums=_asked(known.get(image.offset or 0), job))
                  for image in images]
        if package is not None:
            problems += package.verify(archive.entries, known if job.checksums else None)
    job.report(_found(name, job, images, problems, container, len(archive.entries)))


def _found(name: str, job: Job, images: Sequence[Inside], problems: Sequence[Problem], container: dict[str, object],
           entries: int) -> Found:
    return Found(tuple(images), tuple(problems), words.archive(_TITLES[name], job.name, images, entries), container)


def _candidates(entries: Sequence[Entry], package: Package | None) -> list[Entry]:
    """Return the entries that may be disks: those that the package says, by their names, or the largest."""
    files = [entry for entry in entries if entry.content is not None and entry.size > 0]
    named = [entry for entry in files if package is not None and entry.name in package.disk_files]
    endings = _PLAIN_NAMES.union(*(row.extensions for row in FORMATS)) - {"tar", "ova"}
    named = named or [entry for entry in files if entry.name.lower().rpartition(".")[2] in endings]
    if not named:
        named = sorted((entry for entry in files if entry.size >= MIB), key=lambda entry: -entry.size)
    return named[:MOST_DISKS]


def _examine(entry: Entry, job: Job) -> tuple[Inside | None, list[Problem]]:
    assert entry.content is not None  # noqa: S101 - a candidate has content
    facts = job.examine(Part(entry.content, entry.name, whole=job.whole, ended=job.whole))
    if not job.whole and facts.format == "raw":
        facts = msgspec.structs.replace(facts, format=None, virtual_size=None)
    by_name = entry.name.lower().endswith((".raw", ".img", ".image", ".bin", ".dd"))
    if facts.format in {None, "raw"} and not by_name and facts.partition_table is None and job.whole:
        return None, []
    image = inside_of(facts, entry.name, offset=entry.offset, size=entry.size)
    found = facts.problems if job.whole else ()
    return image, [msgspec.structs.replace(known, message=f"{quoted(entry.name)}: {known.message}", offset=None)
                   for known in found]


def _hash(entries: Sequence[Entry], images: Sequence[Inside], job: Job) -> dict[int, dict[str, str]]:
    """Return the digests of the disks by their offsets: those asked for, and those that the manifest of an OVA has.

    What has more bytes than the archive is a sparse file, whose zeros could be read for hours.
    """
    if not job.checksums:
        return {}
    from imgbuild.inside.package import recorded  # noqa: PLC0415 - where files are read through

    wanted = {image.offset for image in images if (image.size or 0) <= job.reader.size}
    more = {entry.name: {algorithm for algorithm, _, name in recorded(entries) if name == entry.name}
            for entry in entries if entry.offset in wanted}
    return {entry.offset: digests_of(entry.content, dict.fromkeys((*job.checksums, *sorted(more[entry.name]))))
            for entry in entries if entry.offset in wanted and entry.content is not None}


def _asked(known: dict[str, str] | None, job: Job) -> dict[str, str] | None:
    return None if known is None else {algorithm: known[algorithm] for algorithm in job.checksums}


def _unsafe(entries: Sequence[Entry], *, strict: bool) -> Iterator[Problem]:
    """Yield a problem where taking the archive apart would write elsewhere, or one entry over another.

    With ``strict`` also for what an archive of a system's files has by right, but a package of disks has not: links.
    """
    seen: set[str] = set()
    for entry in entries:
        parts = entry.name.replace("\\", "/").split("/")
        why = None
        if entry.name.startswith("/") or ".." in parts or ":" in parts[0]:
            why = "leads out of the folder that it is unpacked in"
        elif strict and entry.kind in {"link", "special"}:
            why = f"is a {entry.kind if entry.kind == 'link' else 'special file'}, not a file"
        elif strict and entry.name in seen:
            why = "is in it twice, and which one counts differs from reader to reader"
        seen.add(entry.name)
        if why is not None:
            yield problem("archive-unsafe-entry", f"the entry {quoted(entry.name)} {why}")
            return
