"""Which systems are on a disk: its guests and blocks in, the contract's systems out, the one that counts first.

A guest is named by its files (``identity``), with its kernels; what no root was found for by what else the disk shows
of it (``traces``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from imgbuild.guests import identity, traces

if TYPE_CHECKING:
    from imgbuild.guests.layout import Guest, Layout
    from imgbuild.model import OperatingSystem, Problem


def name(joined: Layout, problems: list[Problem]) -> list[tuple[Guest | None, OperatingSystem]]:
    """Return the systems, each with the guest that it is, if its files can be read.

    Damage on the way is added to ``problems``.
    """
    guests = [(guest, _with_kernels(guest, system))
              for guest, system in identity.identify_all(joined.guests, problems)]
    return [*guests, *((None, system) for system in traces.find(joined.blocks, beside=bool(guests)))]


def _with_kernels(guest: Guest, system: OperatingSystem) -> OperatingSystem:
    if system.type != "Linux":
        return system
    default_first = sorted(guest.kernels, key=lambda kernel: not kernel.is_default)
    versions = dict.fromkeys(kernel.version for kernel in default_first if kernel.version is not None)
    return msgspec.structs.replace(system, kernels=tuple(versions))
