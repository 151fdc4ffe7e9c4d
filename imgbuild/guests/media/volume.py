"""Which system a medium installs, by the name of its volume: the fields of the descriptor in, the system out.

The names are a table (``labels.py``, ``microsoft.py``); what they mean is told in ``systems.py``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from imgbuild.guests.media import labels, microsoft
from imgbuild.guests.media.architectures import architecture_in
from imgbuild.guests.media.systems import Words, system_of
from imgbuild.guests.osrelease import clean

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from imgbuild.guests.media.labels import Label
    from imgbuild.model import OperatingSystem

_FIELDS = (labels.VOLUME, labels.APPLICATION, labels.SET)
_SHOWN = {labels.VOLUME: "volume name", labels.APPLICATION: "application identifier", labels.SET: "volume set name"}


def identify(header: Mapping[str, Any]) -> OperatingSystem | None:
    """Return the system that the descriptor names for certain, ``None`` where it does not."""
    fields = {field: clean(str(header.get(field) or "")).strip('" ') for field in _FIELDS}
    system = _by_table(fields) or microsoft.identify(fields[labels.VOLUME])
    if system is None or system.architecture is not None:
        return system
    machine = next(filter(None, map(architecture_in, fields.values())), None)
    if machine is None:
        return system
    return msgspec.structs.replace(system, architecture=machine.architecture, bits=machine.bits)


def _by_table(fields: Mapping[str, str]) -> OperatingSystem | None:
    for row in labels.rows():
        label = fields[row.field]
        if not label.lower().startswith(row.prefix):
            continue
        match = re.match(row.pattern, label, re.IGNORECASE)
        system = system_of(_words(row, match, label)) if match else None
        if system is not None:
            return msgspec.structs.replace(system, source=f"{_SHOWN[row.field]} {label!r}")
    return None


def _words(row: Label, match: re.Match[str], label: str) -> Words:
    found = {key: value or "" for key, value in match.groupdict().items()}
    return Words(row.system, found.get("v", ""), found.get("c", ""), found.get("p", ""), found.get("t", ""),
                 found.get("e", ""), row.variant, label)
