"""What is known of a cloud: the leaf types into which the rule packs are read.

A :class:`Profile` holds the values that differ between clouds (words for disk formats, bounds, operations and their
fields, the fields of the answer), a :class:`Catalogue` the spellings of ``__os_version``. Everything here is data from
``rules/<cloud>/*.toml``; ``sources`` are ids of documents, which the rule book resolves. Nothing here reads a file.
"""

from imgbuild.profiles.catalogue import (
    ARM,
    SERVICE_PACK,
    UNKNOWN_SYSTEM,
    Catalogue,
    CatalogueEntry,
    edition_words,
    exact_version,
    fold,
)
from imgbuild.profiles.cloud import DefaultSystem, ImportException, Profile, Queries, Query
from imgbuild.profiles.fields import FieldSpec, ResponseField, word_of
from imgbuild.profiles.leaf import Leaf
from imgbuild.profiles.mindisk import DiskBounds, MinDisk, MinDiskPolicy
from imgbuild.profiles.operations import FileRules, Operation

__all__ = [
    "ARM", "SERVICE_PACK", "UNKNOWN_SYSTEM", "Catalogue", "CatalogueEntry", "DefaultSystem", "DiskBounds",
    "FieldSpec", "FileRules", "ImportException", "Leaf", "MinDisk", "MinDiskPolicy", "Operation", "Profile",
    "Queries", "Query", "ResponseField", "edition_words", "exact_version", "fold", "word_of",
]
