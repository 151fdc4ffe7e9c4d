"""All hostile cases, in the order of their classes."""

from __future__ import annotations

from hostile.case import CLASSES
from hostile.cases import (
    configs,
    confusion,
    files,
    guests,
    hives,
    metadata,
    parents,
    payloads,
    references,
    requests,
    tables,
)

_ORDER = list(CLASSES)
_MODULES = (references, parents, confusion, tables, metadata, payloads, files, guests, configs, hives, requests)
CASES = sorted((case for module in _MODULES for case in module.CASES), key=lambda case: _ORDER.index(case.attack))
