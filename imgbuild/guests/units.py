"""Which services a guest starts: its tree in, the state of a unit out.

systemd is asked as ``systemctl is-enabled`` would answer: masks, links in ``*.wants`` and ``*.requires`` of the
administrator and of the vendor, aliases, presets where the machine is to make its first boot. Then the scripts of
System V, the jobs of Upstart and the runlevels of OpenRC. A unit is named as there: ``sshd.service``; without an ending
it is a service.

systemctl(1), https://www.freedesktop.org/software/systemd/man/latest/systemctl.html
systemd.unit(5), https://www.freedesktop.org/software/systemd/man/latest/systemd.unit.html
systemd.preset(5), https://www.freedesktop.org/software/systemd/man/latest/systemd.preset.html
OpenRC runlevels, https://github.com/OpenRC/openrc/blob/master/user-guide.md
"""

from __future__ import annotations

import fnmatch
import re
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from imgbuild.filesystems.tree import GuestTree

State = Literal["enabled", "static", "disabled", "masked", "absent"]

# The first ones are the administrator's. NixOS keeps its own in the system profile, Flatcar lays /etc over its /usr.
ADMIN = ("/etc/systemd/system", "/nix/var/nix/profiles/system/etc/systemd/system",
         "/usr/share/flatcar/etc/systemd/system")
VENDOR = ("/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")
_PRESETS = ("/etc/systemd/system-preset", "/usr/local/lib/systemd/system-preset", "/usr/lib/systemd/system-preset",
            "/lib/systemd/system-preset")
_SYSTEMD = ("/usr/lib/systemd/systemd", "/lib/systemd/systemd",
            "/nix/var/nix/profiles/system/systemd/lib/systemd/systemd")
_RUNLEVELS = ("/etc/rc2.d", "/etc/rc3.d", "/etc/rc5.d", "/etc/rc.d/rc3.d", "/etc/rc.d/rc5.d", "/etc/init.d/rc3.d",
              "/etc/rcS.d", "/etc/rc.d")
_OPENRC = ("/etc/runlevels/sysinit", "/etc/runlevels/boot", "/etc/runlevels/default")
# The vendor's folder has hundreds of entries, of which a few are those of targets: these are asked for by name.
_TARGETS = ("multi-user", "sockets", "network-online", "sysinit", "basic", "default", "cloud-init")
_ORDER: tuple[State, ...] = ("enabled", "static", "masked", "disabled", "absent")
_LIMIT = 64 * 1024
_MOST_ENTRIES = 2048
_INSTALLS = ("WantedBy=", "RequiredBy=", "UpheldBy=", "Alias=", "Also=")
_VERBS = frozenset({"enable", "disable", "ignore"})
_MASKS = frozenset({"/dev/null", "../../../dev/null"})
UNINITIALIZED = "uninitialized"


class Unit(msgspec.Struct, frozen=True):
    """The state of a unit, and the guest path that shows it."""

    name: str
    state: State
    path: str | None = None

    @property
    def enabled(self) -> bool:
        """Whether it is started."""
        return self.state == "enabled"


class Units:
    """The services of one guest. Folders are listed once; lookups raise BrokenImage where they are damaged."""

    def __init__(self, tree: GuestTree) -> None:
        self._tree = tree
        self._listed: dict[str, list[str]] = {}
        self._known: dict[str, Unit] = {}

    def look(self, *names: str) -> Unit:
        """Return the unit of these names that comes closest to being started."""
        best = Unit(names[0], "absent")
        for name in names:
            unit = self._state_of(name if "." in name else f"{name}.service")
            if unit.enabled:
                return unit
            best = min(best, unit, key=lambda known: _ORDER.index(known.state))
        return best

    @cached_property
    def has_systemd(self) -> bool:
        """Whether systemd is installed."""
        return any(self._tree.exists(path) for path in _SYSTEMD)

    @cached_property
    def has_any(self) -> bool:
        """Whether anything was seen that starts services."""
        return self.has_systemd or any(self._tree.exists(path) for path in (
            "/etc/runlevels", "/etc/inittab", "/etc/init.d", "/etc/rc.d", "/etc/init"))

    @cached_property
    def first_boot(self) -> bool:
        """Whether systemd takes the next boot for the first one of the machine, and applies its presets."""
        text = self._tree.read_text("/etc/machine-id", 64)
        return text is None or text.strip() == UNINITIALIZED

    @cached_property
    def _folders(self) -> tuple[str, ...]:
        """The folders of units that are there, each once: of a merged /usr, /lib is a link."""
        places: dict[str, str] = {}
        for folder in (*ADMIN, *VENDOR):
            place = self._tree.resolve(folder)
            if place is not None:
                places.setdefault(place, folder)
        return tuple(places.values())

    def _state_of(self, name: str) -> Unit:
        if name not in self._known:
            unit = self._by_systemd(name) if self.has_systemd else Unit(name, "absent")
            self._known[name] = unit if unit.state != "absent" else self._by_scripts(name)
        return self._known[name]

    def _by_systemd(self, name: str) -> Unit:
        file = self._file(name)
        if file is None:
            return Unit(name, "absent")
        if self._is_masked(file):
            return Unit(name, "masked", file)
        link = self._link_to(name)
        if link is not None:
            return Unit(name, "enabled", link)
        lines = (self._tree.read_text(file, _LIMIT) or "").split("\n")
        if not any(line.strip().replace(" ", "").startswith(_INSTALLS) for line in lines):
            return Unit(name, "static", file)
        preset = self._preset_for(name) if self.first_boot else None
        return Unit(name, "enabled", preset) if preset else Unit(name, "disabled", file)

    def _file(self, name: str) -> str | None:
        """Return the first file of that name, or of the template that it is an instance of; masks are files, too."""
        base, at, rest = name.partition("@")
        names = (name, f"{base}@.{rest.rpartition('.')[2]}") if at and not rest.startswith(".") else (name,)
        paths = (f"{folder}/{wanted}" for wanted in names for folder in self._folders if self._may_hold(folder, wanted))
        return next((path for path in paths if self._is_there(path)), None)

    def _may_hold(self, folder: str, name: str) -> bool:
        """Say whether a file can be in a folder: those of the administrator are listed in any case."""
        if folder not in ADMIN:
            return True
        listed = self._list(folder)
        return name in listed or len(listed) >= _MOST_ENTRIES

    def _is_there(self, path: str) -> bool:
        """Say whether a file is there, or a mask: a link to what no image has."""
        found = self._tree.lstat(path)
        if found is None or found.kind != "link":
            return found is not None
        return self._tree.readlink(path) in _MASKS or self._tree.exists(path)

    def _is_masked(self, file: str) -> bool:
        found = self._tree.lstat(file)
        if found is not None and found.kind == "link":
            return self._tree.readlink(file) in _MASKS
        return found is not None and found.size == 0

    def _link_to(self, name: str) -> str | None:
        """Return the link that pulls the unit in; for a template that of any instance of it."""
        base, at, ending = name.partition("@.")
        for folder in self._folders:
            for path, entry in self._links(folder):
                if entry == name or (at and entry.startswith(f"{base}@") and entry.endswith(f".{ending}")):
                    return path
        return self._alias_of(name)

    def _links(self, folder: str) -> Iterator[tuple[str, str]]:
        entries = self._list(folder) if folder in ADMIN else [f"{target}.target.wants" for target in _TARGETS]
        for entry in entries:
            if entry.endswith((".wants", ".requires", ".upholds")):
                inner = f"{folder}/{entry}"
                yield from ((f"{inner}/{link}", link) for link in self._list(inner))

    def _alias_of(self, name: str) -> str | None:
        """Return a link under another name in the administrator's folder: ``network.service`` for wicked's."""
        return self._aliases.get(name)

    @cached_property
    def _aliases(self) -> dict[str, str]:
        """The links of the administrator's folder to units of other names, by that name."""
        found: dict[str, str] = {}
        for folder in ADMIN:
            for entry in self._list(folder):
                if entry.endswith((".service", ".socket", ".target")):
                    target = (self._tree.readlink(f"{folder}/{entry}") or entry).rpartition("/")[2]
                    if target != entry:
                        found.setdefault(target, f"{folder}/{entry}")
        return found

    def _preset_for(self, name: str) -> str | None:
        """Return what enables the unit at the first boot: the preset file, or its own where no preset speaks of it."""
        for path, text in self._presets:
            for line in text.split("\n"):
                verb, _, pattern = line.strip().partition(" ")
                if verb in _VERBS and fnmatch.fnmatchcase(name, pattern.split(maxsplit=1)[0] if pattern else ""):
                    return path if verb == "enable" else None
        return self._file(name)

    @cached_property
    def _presets(self) -> list[tuple[str, str]]:
        """The preset files in the order of their names; one of the administrator's stands for the vendor's."""
        files: dict[str, str] = {}
        for folder in _PRESETS:
            for entry in self._list(folder):
                if entry.endswith(".preset"):
                    files.setdefault(entry, f"{folder}/{entry}")
        return [(files[entry], self._tree.read_text(files[entry], _LIMIT) or "") for entry in sorted(files)]

    def _by_scripts(self, name: str) -> Unit:
        """Look at what starts services without systemd; systemd itself runs the scripts of System V."""
        script, dot, ending = name.rpartition(".")
        if not dot or ending != "service":
            return Unit(name, "absent")
        paths = [f"/etc/init.d/{script}", f"/etc/rc.d/init.d/{script}"]
        file = next((path for path in paths if self._tree.exists(path)), None)
        job = f"/etc/init/{script}.conf"
        if file is None and not self.has_systemd and self._tree.exists(job):
            file = job
        if file is None:
            return Unit(name, "absent")
        link = next(self._started(script), None)
        return Unit(name, "enabled", link) if link is not None else Unit(name, "disabled", file)

    def _started(self, script: str) -> Iterator[str]:
        for folder in () if self.has_systemd else _OPENRC:
            yield from (f"{folder}/{entry}" for entry in self._list(folder) if entry == script)
        for folder in _RUNLEVELS:
            yield from (f"{folder}/{entry}" for entry in self._list(folder) if entry[:1] == "S" and entry[3:] == script)
        if not self.has_systemd:
            yield from self._upstart(script)

    def _upstart(self, script: str) -> Iterable[str]:
        path = f"/etc/init/{script}.conf"
        job = self._tree.read_text(path, _LIMIT) or ""
        override = self._tree.read_text(f"/etc/init/{script}.override", _LIMIT) or ""
        starts = re.search(r"^\s*start\s+on\b", job, re.MULTILINE)
        return [path] if starts and not re.search(r"^\s*manual\b", job + "\n" + override, re.MULTILINE) else []

    def _list(self, folder: str) -> list[str]:
        if folder not in self._listed:
            self._listed[folder] = self._tree.listdir(folder)[:_MOST_ENTRIES]
        return self._listed[folder]
