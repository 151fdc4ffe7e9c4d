"""cloud-init in a guest: its tree in; whether it runs, how it is configured, and what it will do to the network, out.

``cloud.cfg`` and the files beside it are merged as cloud-init does: in the order of their names, tables key by key, the
later file's value in the place of the earlier one's.

"Configuration sources" and "Boot stages", https://docs.cloud-init.io/en/latest/explanation/configuration.html and
https://docs.cloud-init.io/en/latest/explanation/boot.html
ds-identify, https://docs.cloud-init.io/en/latest/howto/identify_datasource.html
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec

from imgbuild.guests import yamltext
from imgbuild.guests.yamltext import Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgbuild.filesystems.tree import GuestTree
    from imgbuild.guests.bootentries import Entry
    from imgbuild.guests.units import Unit, Units

MAIN = "/etc/cloud/cloud.cfg"
FOLDER = "/etc/cloud/cloud.cfg.d"
OFF_WORD = "cloud-init=disabled"
_PROGRAMS = ("/usr/bin/cloud-init", "/usr/local/bin/cloud-init", "/bin/cloud-init")
_DISABLED = "/etc/cloud/cloud-init.disabled"
_IDENTIFY = "/etc/cloud/ds-identify.cfg"
# The services of the first stages by age: up to 24.2, from 24.3 on, Alpine's and System V's.
_SERVICES = ("cloud-init-local", "cloud-init", "cloud-init-main", "cloud-init-network")
_LAST_SERVICES = ("cloud-config", "cloud-final")
_MOST_FILES = 64
_SCRIPT_LIMIT = 16 * 1024
_SCRIPT_VERSION = r"cloud-init==(\d+(?:\.\d+)*)"
_MODULE_VERSION = r"\b__VERSION__\s*=\s*['\"](\d+(?:\.\d+)*)"


class File(msgspec.Struct, frozen=True):
    """One configuration file with what it says; ``None`` where it could not be read, for that ``reason``."""

    path: str
    text: str
    values: dict[str, Any] | None
    reason: str = ""


class Setting(msgspec.Struct, frozen=True):
    """A value, and the file and line that set it; no file where it is cloud-init's own default."""

    value: Any
    path: str | None = None
    line: int | None = None


class CloudInit:
    """cloud-init as one guest has it; lookups raise BrokenImage where they are damaged."""

    def __init__(self, tree: GuestTree, units: Units, entry: Entry | None = None) -> None:
        self._tree = tree
        self._units = units
        self._entry = entry

    @cached_property
    def program(self) -> str | None:
        """The program's path; ``None`` where it is not installed."""
        return next((path for path in _PROGRAMS if self._tree.exists(path)), None)

    @cached_property
    def service(self) -> Unit:
        """The service of its first stages that comes closest to being started."""
        return self._units.look(*_SERVICES)

    @cached_property
    def last_services(self) -> tuple[Unit, ...]:
        """The services of its later stages."""
        return tuple(self._units.look(name) for name in _LAST_SERVICES)

    @cached_property
    def _switch(self) -> str | None:
        """What the kernel's command line says of it; it counts before the files."""
        words = (self._entry.options or "").split() if self._entry is not None else []
        return next((word for word in reversed(words) if word in {OFF_WORD, "cloud-init=enabled"}), None)

    @cached_property
    def off_by(self) -> Entry | None:
        """The entry of the boot loader whose command line turns it off."""
        return self._entry if self._switch == OFF_WORD else None

    @cached_property
    def off(self) -> str | None:
        """What turns it off though it is installed: a file, for a person to read; ``None`` where nothing does."""
        if self._switch is not None:
            return self.off_by.source if self.off_by is not None else None
        if self._tree.exists(_DISABLED):
            return _DISABLED
        text = self._tree.read_text(_IDENTIFY, yamltext.LIMIT) or ""
        return _IDENTIFY if re.search(r"^\s*policy:\s*disabled", text, re.MULTILINE) else None

    @cached_property
    def runs(self) -> bool:
        """Whether it is installed, enabled and not turned off."""
        return self.program is not None and self.service.enabled and self.off is None

    @cached_property
    def may_run(self) -> bool:
        """Whether it runs, or is installed in a guest in which nothing was seen that starts services."""
        return self.runs or (self.program is not None and self.off is None and not self._units.has_any)

    @cached_property
    def files(self) -> tuple[File, ...]:
        """The configuration files in the order in which they are merged, at most 64."""
        names = sorted(name for name in self._tree.listdir(FOLDER) if name.endswith(".cfg"))
        paths = [MAIN, *(f"{FOLDER}/{name}" for name in names[:_MOST_FILES])]
        return tuple(_read(path, text) for path in paths
                     if (text := self._tree.read_text(path, yamltext.LIMIT)) is not None)

    @cached_property
    def unreadable(self) -> File | None:
        """The first configuration file that could not be read."""
        return next((file for file in self.files if file.values is None), None)

    @cached_property
    def values(self) -> dict[str, Any]:
        """All settings, merged."""
        merged: dict[str, Any] = {}
        for file in self.files:
            merged = _merge(merged, file.values or {})
        return merged

    def get(self, *keys: str) -> Setting:
        """Return the value under ``keys`` (from the outside in) and where the last file says it; ``None`` for none."""
        value = _under(self.values, keys)
        if value is None:
            return Setting(None)
        for file in reversed(self.files):
            if _under(file.values, keys) is not None:
                return Setting(value, file.path, yamltext.line_of(file.text, *keys))
        return Setting(value)

    @cached_property
    def writes_network(self) -> bool:
        """Whether it will write the network's configuration at the first boot: it runs, and nobody forbids it."""
        return self.may_run and _under(self.values, ("network", "config")) != "disabled"

    @cached_property
    def version(self) -> tuple[int, ...] | None:
        """Its version, where its program or its own module says it; package databases are not opened for that."""
        script = self._tree.read_text(self.program, _SCRIPT_LIMIT) if self.program else None
        found = re.search(_SCRIPT_VERSION, script or "")
        if found is None:
            texts = (self._tree.read_text(path, _SCRIPT_LIMIT) or "" for path in self._modules())
            found = next((match for text in texts if (match := re.search(_MODULE_VERSION, text))), None)
        return tuple(int(part) for part in found[1].split(".")[:4]) if found is not None else None

    def _modules(self) -> Iterator[str]:
        yield "/usr/lib/python3/dist-packages/cloudinit/version.py"
        for link in ("/usr/bin/python3", "/usr/libexec/platform-python"):
            number = re.search(r"3\.\d+", self._tree.resolve(link) or "")
            if number:
                yield f"/usr/lib/python{number[0]}/site-packages/cloudinit/version.py"


def _read(path: str, text: str) -> File:
    values = yamltext.parse(text)
    if isinstance(values, Unreadable):
        return File(path, text, None, values.reason)
    return File(path, text, values) if isinstance(values, dict) else File(path, text, {})


def _merge(base: dict[str, Any], top: dict[str, Any]) -> dict[str, Any]:
    both = {key: _merge(base[key], value) for key, value in top.items()
            if isinstance(value, dict) and isinstance(base.get(key), dict)}
    return {**base, **top, **both}


def _under(values: Any, keys: tuple[str, ...]) -> Any:  # noqa: ANN401 - any value that YAML can say
    for key in keys:
        if not isinstance(values, dict):
            return None
        values = values.get(key)
    return values
