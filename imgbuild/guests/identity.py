"""Which systems the guests of a disk are: guests in, each with its ``OperatingSystem`` out.

A guest that says nothing of itself is left out. So is Windows PE, the system that installs or repairs Windows, beside
any other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.guests import linux

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imgbuild.guests.layout import Guest
    from imgbuild.model import OperatingSystem, Problem

_TOOL = "WindowsPE"


def identify_all(guests: Sequence[Guest], problems: list[Problem]) -> list[tuple[Guest, OperatingSystem]]:
    """Return the guests with their systems in the order of the disk; damage on the way is added to ``problems``."""
    found = [(guest, system) for guest in guests if (system := _identify(guest, problems)) is not None]
    proper = [(guest, system) for guest, system in found if _TOOL not in {system.edition, system.variant}]
    return proper or found


def _identify(guest: Guest, problems: list[Problem]) -> OperatingSystem | None:
    if guest.registry is None:
        return linux.identify(guest.tree, problems)
    from imgbuild.guests.windows.identity import identify  # noqa: PLC0415 - most guests are of another kind

    return identify(guest.registry, problems)
