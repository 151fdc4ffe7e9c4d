"""What a readiness check sees and what it says: a :class:`View` of the guest in, an :class:`Answer` out.

An answer is one of four states. ``fail`` is for what was seen to be wrong, ``unknown`` for what could not be seen, and
``not-applicable`` for a question that does not arise in this guest: a check that could not look never says ``fail``.
The lookups of the view's tree raise BrokenImage where the file system is damaged; who asks the checks makes ``unknown``
of it.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from imgbuild.guests import bootmenu, drivers, networks
from imgbuild.guests.cloudinit import CloudInit
from imgbuild.guests.osrelease import clean
from imgbuild.guests.sshd import SshdConfig
from imgbuild.guests.units import Units
from imgbuild.model import GuestStatus, Place

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from imgbuild.filesystems.tree import GuestTree
    from imgbuild.guests.blocks import Block
    from imgbuild.guests.bootentries import Menu
    from imgbuild.guests.drivers import Drivers
    from imgbuild.guests.kernels import Kernel
    from imgbuild.guests.layout import Guest
    from imgbuild.guests.networks import Network
    from imgbuild.model import Firmware, OperatingSystem


class View(msgspec.Struct, eq=False, dict=True):
    """A guest as the checks see it. ``blocks`` are all partitions and volumes of the disk, its own among them.

    ``initramfs`` is false where archives must not be opened, for that can take a moment.
    """

    guest: Guest
    system: OperatingSystem
    blocks: Sequence[Block]
    firmware: Firmware
    initramfs: bool = True

    @property
    def tree(self) -> GuestTree:
        """The guest's files; lookups raise BrokenImage where they are damaged."""
        return self.guest.tree

    @cached_property
    def units(self) -> Units:
        """The services that the guest starts."""
        return Units(self.tree)

    @cached_property
    def cloud_init(self) -> CloudInit:
        """cloud-init as the guest has it."""
        return CloudInit(self.tree, self.units, self.menu.default if self.menu is not None else None)

    @cached_property
    def sshd(self) -> SshdConfig:
        """The settings of sshd."""
        return SshdConfig(self.tree)

    @cached_property
    def networks(self) -> tuple[Network, ...]:
        """What each manager of networks in the guest would do."""
        return networks.read(self.tree, self.units)

    @cached_property
    def menu(self) -> Menu | None:
        """The boot loader's menu, or ``None`` where none is known."""
        return bootmenu.read(self.guest.careful)

    @cached_property
    def kernels(self) -> tuple[Kernel, ...]:
        """The installed kernels: the one that boots first, then the newest first."""
        return tuple(sorted(self.guest.kernels, key=lambda kernel: not kernel.is_default))

    @property
    def unpacking(self) -> float:
        """The seconds that it took to look into initramfs archives."""
        found: tuple[Drivers, ...] = self.__dict__.get("drivers", ())  # without asking for them
        return sum(known.seconds for known in found)

    @cached_property
    def drivers(self) -> tuple[Drivers, ...]:
        """What is known of the drivers of each kernel, in the same order."""
        budget = None
        if self.initramfs:
            from imgbuild.guests.initramfs import Budget  # noqa: PLC0415 - only where archives may be opened

            budget = Budget()
        return tuple(drivers.look(self.tree, self.guest.careful, kernel, budget) for kernel in self.kernels)


class Answer(msgspec.Struct, frozen=True):
    """What a check says; ``detail`` is one line for a person, ``files`` are the guest files that show it."""

    status: GuestStatus
    detail: str
    files: tuple[str, ...] = ()
    places: tuple[Place, ...] = ()
    cure: str | None = None


def passed(detail: str, *files: str) -> Answer:
    """Return the answer of a check that saw that all is well."""
    return Answer("pass", detail, files)


def failed(detail: str, places: Iterable[Place], *, cure: str | None = None) -> Answer:
    """Return the answer of a check that saw something wrong; ``cure`` is what repairs it inside the guest."""
    found = tuple(places)
    return Answer("fail", detail, tuple(dict.fromkeys(place.path for place in found)), found, cure)


def unknown(detail: str, *files: str) -> Answer:
    """Return the answer of a check that could not see."""
    return Answer("unknown", detail, files)


def not_applicable(detail: str) -> Answer:
    """Return the answer of a check whose question does not arise here."""
    return Answer("not-applicable", detail)


def place(path: str, line: int | None = None, text: str | None = None, says: str | None = None, *,
          soft: bool = False) -> Place:
    """Return a place in a guest file with its text made safe to show; a ``soft`` one does not keep it from starting."""
    return Place(path=clean(path), line=line, text=None if text is None else clean(text),
                 says=None if says is None else clean(says), soft=soft)
