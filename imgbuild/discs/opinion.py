"""Ask pycdlib: an open source in, what it says of the disc out. That it is missing, refuses or is too slow is a fact.

The child that asks reads the root directory with our own reader, too, and tells which names only one of them has.

pycdlib, https://clalancette.github.io/pycdlib/
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, cast

from imgbuild import sandbox
from imgbuild.documents.run import DiscWitness
from imgbuild.filesystems.iso9660 import open_iso9660
from imgbuild.readers import FileView
from imgbuild.sizes import MIB

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO

    from imgbuild.source import Source

LEAST_SECONDS = 1.5
"""So long it may take in any case; beyond that only as long as the file is being hashed anyway."""

MOST_SECONDS = 30.0
MEMORY_BYTES = 384 * MIB
MOST_NAMES = 4
_MOST_CHARACTERS = 100
_RELOCATED = "rr_moved"  # where Rock Ridge keeps directories that are too deep; not all readers hide it
_PLATFORMS = {0x00: "bios", 0x01: "ppc", 0x02: "mac", 0xEF: "uefi"}
_BOOTABLE = 0x88


class Asked:
    """The child that asks; fork it before there are threads, and call :meth:`watch` when there may be."""

    def __init__(self, source: Source) -> None:
        self._started = time.monotonic()
        limits = sandbox.Limits(memory=MEMORY_BYTES, seconds=MOST_SECONDS)
        self._child = sandbox.fork(lambda report: _answer(source, report), DiscWitness, limits, [source.descriptor])

    def watch(self) -> None:
        """Take in what the child says, in a thread."""
        self._child.watch()

    def result(self) -> DiscWitness:
        """Return the answer; a child that has not come to it is not waited for beyond its least time."""
        outcome = self._child.result(within=max(0.0, self._started + LEAST_SECONDS - time.monotonic()))
        said = outcome.value or DiscWitness()
        if said.found is not None and not said.answered and said.error is None:
            return DiscWitness(found=said.found, error="it took too long, or too much memory, and was stopped",
                               sandbox=outcome.in_force)
        return DiscWitness(**{**{name: getattr(said, name) for name in said.__struct_fields__},
                              "sandbox": outcome.in_force})

    def give_up(self) -> None:
        """End the child, for nobody waits for its answer any more."""
        self._child.kill()
        self._child.result()


def ask(source: Source) -> Asked:
    """Start to ask; call :meth:`Asked.watch` afterwards."""
    return Asked(source)


def _answer(source: Source, report: Callable[[DiscWitness], None]) -> None:
    """Say that it is there, before it is asked, and then what it says. Whatever it raises is its refusal."""
    try:
        import pycdlib  # noqa: PLC0415 - 50 ms, and only in this child
    except ImportError:
        return
    found = _version()
    report(DiscWitness(found=found))
    disc = pycdlib.PyCdlib()
    try:
        disc.open_fp(cast("BinaryIO", FileView(source)))
        report(_told(disc, source, found))
    except Exception as error:  # noqa: BLE001 - it raises struct.error and its like on discs that it does not expect
        report(DiscWitness(found=found, error=f"{type(error).__name__}: {error}"[:_MOST_CHARACTERS]))


def _version() -> str:
    from importlib.metadata import version  # noqa: PLC0415 - as above

    return version("pycdlib")


def _told(disc: Any, source: Source, found: str) -> DiscWitness:  # noqa: ANN401 - pycdlib's own class
    theirs, ours = set(_names(disc)), {name for name in open_iso9660(source).listdir("/") if name != _RELOCATED}
    return DiscWitness(found=found, answered=True, volume_id=_text(disc.pvd.volume_identifier),
                       volume_space_size=disc.pvd.space_size, el_torito=tuple(_boot_entries(disc)),
                       names_only_here=tuple(sorted(ours - theirs)[:MOST_NAMES]),
                       names_only_there=tuple(sorted(theirs - ours)[:MOST_NAMES]))


def _text(raw: bytes) -> str | None:
    return raw.split(b"\0", 1)[0].decode("latin-1").strip() or None


def _boot_entries(disc: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - as above
    catalog = disc.eltorito_boot_catalog
    if catalog is None:
        return
    yield _entry(catalog.initial_entry, catalog.validation_entry.platform_id)
    for section in catalog.sections:
        for entry in section.section_entries:
            yield _entry(entry, section.platform_id)


def _entry(entry: Any, platform: int) -> dict[str, Any]:  # noqa: ANN401 - as above
    return {"platform": _PLATFORMS.get(platform, f"{platform:#04x}"), "bootable": entry.boot_indicator == _BOOTABLE,
            "sector_count": entry.sector_count, "load_rba": entry.load_rba}


def _names(disc: Any) -> Iterator[str]:  # noqa: ANN401 - as above
    """Yield the names in the root directory, of the name space that our own reader takes."""
    kind = "rr_path" if disc.has_rock_ridge() else "joliet_path" if disc.has_joliet() else "iso_path"
    if kind == "iso_path" and disc.has_udf():
        _, folders, files = next(disc.walk(udf_path="/"))
        yield from (*folders, *files)
        return
    for record in disc.list_children(**{kind: "/"}):
        if record is None or record.is_dot() or record.is_dotdot():
            continue
        name = _name(record, kind)
        if name != _RELOCATED:
            yield name


def _name(record: Any, kind: str) -> str:  # noqa: ANN401 - as above
    if kind == "rr_path":
        return str(record.rock_ridge.name().decode("utf-8", "replace"))
    encoding = "utf-16-be" if kind == "joliet_path" else "latin-1"
    name = str(record.file_identifier().decode(encoding, "replace")).partition(";")[0]
    return name if kind == "joliet_path" else name.removesuffix(".").lower()
