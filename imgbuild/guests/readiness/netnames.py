"""Whether network interfaces keep the names of another machine: the readiness check on udev's rules.

A rule that ties a name to the address of a network card leaves the card of the new server with another name, for which
there is no configuration. Deleting Files from the Network Rule Directory, OTC (source otc-netrules of the rules).
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from imgbuild.guests.osrelease import clean
from imgbuild.guests.readiness import repair
from imgbuild.guests.readiness.base import Answer, View, failed, passed, place, unknown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgbuild.model import Place

FOLDER = "/etc/udev/rules.d"
_LIMIT = 64 * 1024


def udev_rules(view: View) -> Answer:
    """lin_udev_rules: no rule ties the name of a network interface to the card of another machine."""
    written = list(_with_rules(view))
    packed = [(path, name) for found in view.drivers[:1] for path, name in found.net_rules]
    if written:
        return failed("a udev rule names network interfaces by the cards of the machine that the image was made on",
                      written, cure=f"rm {' '.join(repair.quoted(rules.path) for rules in written)}")
    if packed:
        says = f"its {clean(packed[0][1])} names network interfaces by the cards of another machine"
        return failed(f"the initramfs has a udev rule for network interfaces: {says}",
                      [place(packed[0][0], says=says)], cure=repair.pack_again(view, view.drivers[0]))
    closed = [found.unseen for found in view.drivers[:1] if found.has_initramfs and found.unseen]
    if closed:
        return unknown(f"none in {FOLDER}, but {closed[0]}")
    whole = all(archive.complete for found in view.drivers[:1] for archive in found.archives)
    return passed(f"no rule in {FOLDER} or {'the initramfs' if whole else 'what was read of the initramfs'} ties names"
                  " to network cards", FOLDER)


def _with_rules(view: View) -> Iterator[Place]:
    """Yield the first rule of the files whose names have both words; an empty one keeps others from being made."""
    for name in view.tree.listdir(FOLDER):
        if "persistent" in name and "net" in name:
            lines = (view.tree.read_text(f"{FOLDER}/{name}", _LIMIT) or "").split("\n")
            rules = ((number, line.strip()) for number, line in enumerate(lines, start=1)
                     if line.strip() and not line.strip().startswith("#"))
            yield from (place(f"{FOLDER}/{name}", *rule) for rule in islice(rules, 1))
