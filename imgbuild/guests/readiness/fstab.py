"""What fstab mounts, and by which names: readiness checks on ``/etc/fstab``.

Kernel names of disks (``/dev/sda2``) change with the bus that the cloud gives the disk; the identifiers of a file
system or a partition do not. fstab(5), https://man7.org/linux/man-pages/man5/fstab.5.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.guests import devices
from imgbuild.guests.readiness.base import Answer, View, failed, not_applicable, passed, place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgbuild.guests.fstab import Entry
    from imgbuild.model import Place

FSTAB = "/etc/fstab"


def by_uuid(view: View) -> Answer:
    """lin_fstab_uuid: partitions are named by an identifier that does not change with the bus."""
    if not view.guest.fstab:
        return not_applicable("there is no fstab, or nothing in it")
    wrong = [entry for entry in view.guest.fstab if devices.disk_name(entry.spec) is not None]
    if not wrong:
        return passed("fstab names no partition by its kernel name", FSTAB)
    return failed(f"fstab names {wrong[0].spec} by its kernel name, which changes with the bus", _places(view, wrong),
                  cure="blkid prints the UUID of each partition: write UUID=… in the first field")


def _places(view: View, entries: list[Entry]) -> Iterator[Place]:
    lines = (view.tree.read_text(FSTAB, 1 << 16) or "").split("\n")
    for entry in entries:
        yield place(FSTAB, entry.line, lines[entry.line - 1])
