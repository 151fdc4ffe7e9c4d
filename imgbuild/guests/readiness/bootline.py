"""What the boot loader hands to the kernel: readiness checks on the entries of its menu.

The root must be named so that the name holds on another bus, and what is named must be on this disk: a file system that
was made anew has another UUID than the entries say.

The kernel's command-line parameters, https://docs.kernel.org/admin-guide/kernel-parameters.html
dracut.cmdline(7), https://man7.org/linux/man-pages/man7/dracut.cmdline.7.html (rd.lvm.lv)
GNU GRUB Manual 2.12, "search", https://www.gnu.org/software/grub/manual/grub/html_node/search.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from imgbuild.guests import devices, whereabouts
from imgbuild.guests.osrelease import clean
from imgbuild.guests.readiness import repair, searches
from imgbuild.guests.readiness.base import Answer, View, failed, passed, place, unknown
from imgbuild.guests.readiness.fstab import known_identifiers
from imgbuild.guests.readiness.searches import LIMIT, Named

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from imgbuild.guests.bootentries import Entry
    from imgbuild.model import Place

_BY_PLACE = re.compile(r"/dev/disk/by-(?:id|path)/.+")
_SERIAL = re.compile(r"(?:ttyS|ttyAMA|hvc)\d+(?:,.*)?")
_ACTIVATES = "rd.lvm.lv="
_NO_MENU = "no boot loader's menu was found"
_MOST_PLACES = 16


def by_uuid(view: View) -> Answer:
    """lin_grub_uuid: the entries name the root by an identifier that does not change with the bus."""
    entries = _entries(view)
    if not entries:
        return unknown(f"{_NO_MENU}: how it names the root is not known")
    wrong = [one for one in _named(view, "root") if _is_by_place(one.spec)]
    files = dict.fromkeys(clean(entry.source) for entry in entries)
    if not wrong:
        return passed("no entry names the root by its kernel name or by its place", *files)
    return failed(_goes_by_place(wrong[0]), _places(view, wrong, _goes_by_place), cure=repair.name_root(view))


def on_this_disk(view: View) -> Answer:
    """lin_boot_ids: what the boot loader and its entries name is on this disk."""
    named = [*_named(view, "root"), *_volumes(view), *searches.find(view), *_named(view, "resume")]
    if not named:
        unnamed = passed("the entries name no device", *_sources(view))
        return unnamed if _entries(view) else unknown(f"{_NO_MENU}: what it names is not known")
    away = [one for one in named if _where(view, one) == "elsewhere" and not _is_by_place(one.spec)]
    if away:
        return failed(_is_away(view, away[0]), _places(view, away, lambda one: _is_away(view, one)),
                      cure=repair.name_root(view))
    unseen = [one for one in named if _where(view, one) == "unseen"]
    if unseen:
        return unknown(f"{clean(unseen[0].spec)} may be in a part of the disk that cannot be read", unseen[0].path)
    return passed("what the boot loader and its entries name is on this disk",
                  *dict.fromkeys(clean(one.path) for one in named))


def console(view: View) -> Answer:
    """lin_console: the kernel also writes to the serial console, which the cloud records."""
    entry = next(iter(_entries(view)), None)
    if entry is None or entry.options is None:
        return unknown("the command line of the kernel is not known")
    named = [word.partition("=")[2] for word in entry.options.split() if word.startswith("console=")]
    if any(_SERIAL.fullmatch(name) for name in named):
        return passed(f"the kernel writes to {', '.join(clean(name) for name in named)}", clean(entry.source))
    port = "ttyAMA0" if view.system.architecture in {"aarch64", "arm"} else "ttyS0"
    return failed(f"the command line has no console={port}",
                  _places(view, [Named("", "", entry.source, entry.line)], None),
                  cure=repair.add_argument(view, f"console={port}"))


def _entries(view: View) -> list[Entry]:
    """Return the entries that start a kernel, the default first."""
    if view.menu is None:
        return []
    first = [view.menu.default] if view.menu.default is not None else []
    return [*first, *(entry for entry in view.menu.entries if entry.linux and entry not in first)]


def _sources(view: View) -> list[str]:
    return [*dict.fromkeys(clean(entry.source) for entry in _entries(view))]


def _named(view: View, key: str) -> Iterator[Named]:
    """Yield the device that each entry names under ``root=`` or ``resume=``; the last word of a line counts."""
    for number, entry in enumerate(_entries(view)):
        words = [word.partition("=")[2] for word in (entry.options or "").split() if word.startswith(f"{key}=")]
        if words:
            # Without the disk to resume from the start goes on after a while, and other entries are not started.
            yield Named(f"{key}=", words[-1].strip("\"'"), entry.source, entry.line, soft=number > 0 or key == "resume")


def _volumes(view: View) -> Iterator[Named]:
    """Yield the logical volumes that dracut is told to activate: it waits for each of them, and then gives up."""
    for number, entry in enumerate(_entries(view)):
        for word in (entry.options or "").split():
            if word.startswith(_ACTIVATES):
                yield Named(_ACTIVATES, f"/dev/{word.removeprefix(_ACTIVATES)}", entry.source, entry.line,
                            soft=number > 0)


def _is_by_place(spec: str) -> bool:
    return devices.disk_name(spec) is not None or _BY_PLACE.fullmatch(spec) is not None


def _where(view: View, named: Named) -> whereabouts.Where:
    return whereabouts.locate(named.spec, view.guest, view.blocks).where


def _goes_by_place(named: Named) -> str:
    return f"the entry names the root {clean(named.spec)}, which changes with the bus or the disk"


def _is_away(view: View, named: Named) -> str:
    return f"{clean(named.key + named.spec)} is on no partition of this disk{known_identifiers(view)}"


def _places(view: View, found: Sequence[Named], says: Callable[[Named], str] | None) -> Iterator[Place]:
    for named in found[:_MOST_PLACES]:
        yield place(named.path, named.line or None, named.text or _line(view, named),
                    says(named) if says is not None else None, soft=named.soft)


def _line(view: View, named: Named) -> str | None:
    lines = (view.guest.careful.read_text(named.path, LIMIT) or "").split("\n")
    return lines[named.line - 1].strip() if named.line and named.line <= len(lines) else None
