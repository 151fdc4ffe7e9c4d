"""Which Windows a guest is: its registry in, the contract's ``OperatingSystem`` out.

``version`` is the product's (``10``, ``2012 R2``), ``release`` what ``ver`` prints of it, with the service pack that
systeminfo adds, ``edition`` the EditionID in words, ``variant`` the way of installation (``Server Core``). What
the registry does not say stays ``None``.

winver, ver, systeminfo: https://learn.microsoft.com/windows-server/administration/windows-commands/systeminfo
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from imgbuild.guests.osrelease import clean
from imgbuild.guests.pe import machine_of
from imgbuild.guests.windows import products
from imgbuild.guests.windows.words import XP, Words, read_words
from imgbuild.model import OperatingSystem
from imgbuild.readers import BrokenImage, problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from imgbuild.guests.windows.hives import Hive, Key
    from imgbuild.guests.windows.registry import Registry
    from imgbuild.model import Problem

_CURRENT_VERSION = "Microsoft\\Windows NT\\CurrentVersion"
_KERNEL = "System32/ntoskrnl.exe"
_HEAD = 4096
_MACHINES = {"amd64": "x86_64", "x86": "x86", "arm64": "aarch64", "ia64": "ia64", "arm": "arm"}
_BITS = {"x86_64": 64, "aarch64": 64, "ia64": 64, "x86": 32, "arm": 32}

T = TypeVar("T")


def identify(registry: Registry, problems: list[Problem]) -> OperatingSystem:
    """Return the system whose registry it is; what cannot be read of it is added to ``problems``."""
    hives = (_ask(lambda: registry.software, problems), _ask(lambda: registry.system, problems))
    problems.extend(_dirty(hive) for hive in hives if hive is not None and hive.dirty)
    options = _ask(lambda: registry.control("Control\\ProductOptions"), problems)
    words = _ask(lambda: _words(registry, options), problems) or Words()
    machine = _ask(lambda: _machine(registry), problems) or _machine_of_kernel(registry) or words.machine
    architecture = _MACHINES.get(machine or "", machine)
    version = _version(words)
    return OperatingSystem(type="Windows", id="windows", version=version, release=_release(words),
                           name=_name(words, version), architecture=architecture, bits=_BITS.get(architecture or ""),
                           build=words.build, edition=words.edition and products.edition(words.edition),
                           variant=words.kind,
                           source=clean(registry.file("SOFTWARE")))


def _words(registry: Registry, options: Key | None) -> Words | None:
    current = registry.software.key(_CURRENT_VERSION) if registry.software is not None else None
    return read_words(current, options) if current is not None else None


def _version(words: Words) -> str | None:
    if words.major == 0 or words.is_server is None:
        return None
    return products.installed((words.major, words.minor), words.build, server=words.is_server, written=words.product,
                              channel=words.channel)


def _release(words: Words) -> str | None:
    if words.major == 0 or words.build is None:
        return None
    revision = f".{words.revision}" if words.major >= products.TEN and words.revision else ""
    return f"{words.major}.{words.minor}.{words.build}{revision} {words.pack}".rstrip()


def _name(words: Words, version: str | None) -> str:
    name = products.installed_name(words.product, version, server=bool(words.is_server))
    return f"{name} {words.edition}" if words.major == XP and words.edition else name


def _machine(registry: Registry) -> str | None:
    environment = registry.control("Control\\Session Manager\\Environment")
    written = environment.text("PROCESSOR_ARCHITECTURE") if environment is not None else None
    return _MACHINES.get((written or "").casefold())


def _machine_of_kernel(registry: Registry) -> str | None:
    """Return what the kernel is for. Where CompactOS has compressed it, or it is damaged, nothing else needs it."""
    try:
        return machine_of(registry.tree.read(f"{registry.root}/{_KERNEL}", _HEAD) or b"")
    except BrokenImage:
        return None


def _dirty(hive: Hive) -> Problem:
    return problem("hive-dirty", f"the registry hive {hive.title} has changes in its transaction logs that are not in"
                                 " it: what is said of its values is of before them")


def _ask(question: Callable[[], T], problems: list[Problem]) -> T | None:
    try:
        return question()
    except BrokenImage as broken:
        if broken.problem not in problems:
            problems.append(broken.problem)
        return None
