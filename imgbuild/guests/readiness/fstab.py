"""What fstab mounts, and by which names: readiness checks on ``/etc/fstab``.

Kernel names of disks (``/dev/sda2``) change with the bus that the cloud gives the disk; the identifiers of a file
system or a partition do not. What is on another disk than the image is not there when a server starts, and systemd goes
to emergency mode for it, unless the entry is marked so that the start goes on.

fstab(5), https://man7.org/linux/man-pages/man5/fstab.5.html
systemd.mount(5), "fstab", https://www.freedesktop.org/software/systemd/man/latest/systemd.mount.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from imgbuild.guests import devices, whereabouts
from imgbuild.guests.fstab import LIMIT
from imgbuild.guests.osrelease import clean
from imgbuild.guests.readiness.base import Answer, View, failed, not_applicable, passed, place, unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from imgbuild.guests.fstab import Entry
    from imgbuild.model import Place

FSTAB = "/etc/fstab"
_NONE = "there is no fstab, or nothing in it"
_BY_PLACE = re.compile(r"/dev/disk/by-(?:id|path)/.+")
# With these the start goes on without the device. A timeout alone does not do that: it makes the failure come sooner.
_SOFT = frozenset({"nofail", "noauto", "x-systemd.automount", "_netdev"})
_SHOWN = 6
_IDENTIFIER = re.compile(r"[0-9A-Za-z-]+")


def by_uuid(view: View) -> Answer:
    """lin_fstab_uuid: partitions are named by an identifier that does not change with the bus."""
    if not view.guest.fstab:
        return not_applicable(_NONE)
    wrong = [entry for entry in view.guest.fstab if _is_by_place(view, entry)]
    if not wrong:
        return passed("fstab names no partition by its kernel name or by its place", FSTAB)
    return failed(_says(wrong[0]), _places(view, wrong, _says), cure=_rename(view, wrong))


def no_data(view: View) -> Answer:
    """lin_fstab_no_data: all that must be there for the start to go on is on this disk."""
    if not view.guest.fstab:
        return not_applicable(_NONE)
    away = [entry for entry in view.guest.fstab if not is_soft(entry) and _found(view, entry).where == "elsewhere"]
    if away:
        return failed(_is_away(view, away[0]), _places(view, away, lambda entry: _is_away(view, entry)),
                      cure=_drop(away))
    unseen = [entry for entry in view.guest.fstab if not is_soft(entry) and _found(view, entry).where == "unseen"]
    if unseen:
        return unknown(f"{clean(unseen[0].spec)} may be in a part of the disk that cannot be read", FSTAB)
    return passed("all that fstab must mount is on this disk", FSTAB)


def no_data_disks(view: View) -> Answer:
    """lin_no_data_disks: fstab speaks of no other disk, not even of one that may be missing."""
    if not view.guest.fstab:
        return not_applicable(_NONE)
    away = [entry for entry in view.guest.fstab if _found(view, entry).where == "elsewhere"]
    if not away:
        return passed("fstab speaks of no other disk", FSTAB)
    return failed(_speaks_of(away[0]), _places(view, away, _speaks_of), cure=_drop(away))


def lvm(view: View) -> Answer:
    """lin_lvm: the root file system is on a partition, not on a logical volume."""
    volume = view.guest.root.volume
    if volume is None:
        return passed("the root file system is no logical volume")
    lines = [entry for entry in view.guest.fstab if entry.mount_point == "/"]
    places = list(_places(view, lines)) or [place("/")]
    return failed(f"the root file system is on the logical volume {clean(volume.name)}", places)


def is_soft(entry: Entry) -> bool:
    """Say whether the start goes on without the device: swap space is wanted, not required."""
    return entry.vfstype == "swap" or not _SOFT.isdisjoint(entry.options)


def _is_by_place(view: View, entry: Entry) -> bool:
    """Say whether the entry names a partition by what changes; of another disk there is more to be said."""
    name = devices.disk_name(entry.spec)
    if name is not None:
        return name.disk == whereabouts.own_disk(view.guest)
    return _BY_PLACE.fullmatch(entry.spec) is not None


def _found(view: View, entry: Entry) -> whereabouts.Found:
    return whereabouts.locate(entry.spec, view.guest, view.blocks)


def _says(entry: Entry) -> str:
    if _BY_PLACE.fullmatch(entry.spec):
        return f"fstab names {clean(entry.spec)}, a name that goes by the make of the disk or by its slot"
    return f"fstab names {clean(entry.spec)} by its kernel name, which changes with the bus"


def _speaks_of(entry: Entry) -> str:
    return f"fstab speaks of {clean(entry.spec)}, which is not on this disk"


def _is_away(view: View, entry: Entry) -> str:
    return f"{clean(entry.spec)} is on no partition of this disk{known_identifiers(view)}"


def known_identifiers(view: View) -> str:
    """Return which identifiers there are, for a person to see which one was meant."""
    found = [clean(block.identity.uuid) for block in view.blocks if block.identity is not None and block.identity.uuid]
    more = ", …" if len(found) > _SHOWN else ""
    return f" (found: {', '.join(found[:_SHOWN])}{more})" if found else ""


def _rename(view: View, entries: list[Entry]) -> str:
    """Return the sed line that puts the identifiers of these partitions in, where they are known."""
    words = []
    for entry in entries:
        block = _found(view, entry).block
        uuid = block.identity.uuid if block is not None and block.identity is not None else None
        if uuid is None or not _IDENTIFIER.fullmatch(uuid):
            return "blkid prints the UUID of each partition: write UUID=… in the first field"
        words.append(f"-e '{entry.line}s#^\\s*\\S\\+#UUID={uuid}#'")
    return f"sed -i {' '.join(words)} {FSTAB}"


def _drop(entries: list[Entry]) -> str:
    lines = "".join(f"{entry.line}d;" for entry in entries)
    return f"sed -i '{lines.rstrip(';')}' {FSTAB} (or give the entry the option nofail)"


def _places(view: View, entries: Iterable[Entry], says: Callable[[Entry], str] | None = None) -> Iterator[Place]:
    lines = (view.tree.read_text(FSTAB, LIMIT) or "").split("\n")
    for entry in entries:
        yield place(FSTAB, entry.line, lines[entry.line - 1], says(entry) if says is not None else None,
                    soft=is_soft(entry))
