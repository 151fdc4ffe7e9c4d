"""All hostile cases, in the order of their classes."""

from __future__ import annotations

from hostile.case import CLASSES
from hostile.cases import confusion, files, guests, metadata, parents, payloads, references, requests, tables

_ORDER = list(CLASSES)
CASES = sorted((case for module in (references, parents, confusion, tables, metadata, payloads, files, guests, requests)
                for case in module.CASES), key=lambda case: _ORDER.index(case.attack))
