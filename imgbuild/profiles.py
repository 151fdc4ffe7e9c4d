"""What is known of a cloud: the leaf types into which the rule packs are read.

A :class:`Profile` holds the values that differ between clouds (words for disk formats, bounds, operations and their
fields, the fields of the answer), a :class:`Catalogue` the spellings of ``__os_version``. Everything here is data from
``rules/<cloud>/*.toml``; ``sources`` are ids of documents, which the rule book resolves. Sizes of disks are whole GiB,
sizes of files bytes. Nothing here reads a file.
"""

# Without the future import, as in model.py.
import os
import re
from functools import cached_property
from typing import Any, Literal

import msgspec

from imgbuild.model import OperatingSystem
from imgbuild.numbering import is_same_system, version_numbers

MinDiskPolicy = Literal["greater", "not-less"]
FieldType = Literal["string", "integer", "boolean", "string-list", "object-list", "object", "binary"]
Bounds = tuple[int, int]


class Leaf(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of everything that is read from a pack: immutable, and an unknown key is an error."""


class DiskBounds(Leaf, frozen=True, kw_only=True):
    """The least and the greatest ``min_disk`` in GiB for each OS type, and who says so."""

    linux: Bounds
    windows: Bounds
    sources: tuple[str, ...]
    reading: str = ""

    def of(self, os_type: str | None) -> Bounds:
        """Return the bounds for ``Windows``, ``Linux`` or another type (which counts as Linux)."""
        return self.windows if (os_type or "").lower() == "windows" else self.linux


class PolicyReading(Leaf, frozen=True, kw_only=True):
    """What the documents behind one reading of *min_disk against the disk* say."""

    sources: tuple[str, ...]
    reading: str


class MinDisk(Leaf, frozen=True, kw_only=True):
    """The documented rules on ``min_disk``: the policy taken, its readings, the bounds and their other readings."""

    policy: MinDiskPolicy
    policies: dict[MinDiskPolicy, PolicyReading]
    bounds: DiskBounds
    readings: tuple[DiskBounds, ...] = ()
    iso: DiskBounds | None = None

    def target(self, image_format: str | None) -> DiskBounds:
        """Return the bounds that hold for an image of this format."""
        return self.iso if image_format == "iso" and self.iso is not None else self.bounds


class OperationMinDisk(Leaf, frozen=True, kw_only=True):
    """What the page of an operation says on ``min_disk``; where it does not speak, the cloud's own rules hold."""

    policy: MinDiskPolicy | None = None
    policies: dict[MinDiskPolicy, PolicyReading] = {}
    bounds: DiskBounds
    readings: tuple[DiskBounds, ...] = ()

    def over(self, cloud: MinDisk) -> MinDisk:
        """Return the rules of the cloud with those of the operation in their place."""
        return MinDisk(policy=self.policy or cloud.policy, policies=cloud.policies | self.policies, bounds=self.bounds,
                       readings=self.readings, iso=cloud.iso)


class DefaultSystem(Leaf, frozen=True, kw_only=True):
    """The value for a system that the cloud does not list: ``value`` is written, ``also`` is accepted as well."""

    value: str
    also: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    reading: str = ""


class FieldSpec(Leaf, frozen=True, kw_only=True):
    """One field of a request. ``format`` names a common form (``image-name``, ``tags-native``, …).

    ``mandatory_when`` and ``note`` are words for people, ``mandatory_if`` the same for the program: values of other
    fields, of which each makes it mandatory. Lengths count characters, ``unit`` is that of an integer. ``items`` are
    the fields of the objects in a list. ``missing_errors`` are the codes for a field that is not there, ``errors``
    those for its values. ``nullable`` says that null is taken like a field that is left out. ``vocabulary`` are words
    that documents ask for where the server takes any; ``instead`` leads from other spellings to the documented word.
    """

    type: FieldType
    name: str = ""
    place: Literal["body", "path"] = "body"
    nullable: bool = False
    mandatory: bool = False
    mandatory_when: str | None = None
    mandatory_if: dict[str, Any] = {}
    default: Any = None
    allowed: tuple[Any, ...] = ()
    vocabulary: tuple[str, ...] = ()
    instead: dict[str, str] = {}
    unit: str | None = None
    minimum: int | None = None
    maximum: int | None = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None
    format: str | None = None
    excludes: tuple[str, ...] = ()
    items: dict[str, "FieldSpec"] = {}
    note: str | None = None
    sources: tuple[str, ...] = ()
    max_items: int | None = None
    errors: tuple[str, ...] = ()
    missing_errors: tuple[str, ...] = ()

    @property
    def defaults(self) -> tuple[Any, ...]:
        """What holds where the field is left out: the documented default, or else the only value that is taken."""
        if self.default is not None:
            return (self.default,)
        return self.allowed if len(self.allowed) == 1 else ()

    def is_mandatory(self, body: dict[str, Any]) -> bool:
        """Say whether a request with these values cannot do without the field."""
        return self.mandatory or any(body.get(name) == value for name, value in self.mandatory_if.items())


def word_of(text: str | None, field: FieldSpec) -> str | None:
    """Return the documented word of a field for a spelling; ``None`` where the documents have none for it."""
    known = (*field.allowed, *field.vocabulary)
    return text if text in known else field.instead.get(text or "")


class Need(Leaf, frozen=True, kw_only=True):
    """What else an import path asks for; ``over_bytes`` holds it back from files that are not larger."""

    text: str
    sources: tuple[str, ...]
    over_bytes: int = -1


class FileRules(Leaf, frozen=True, kw_only=True):
    """What a file must be for one import path: formats (our names), size in bytes, a second file beside it.

    ``bound`` says whether a file of exactly ``max_bytes`` is still taken; ``limit`` is the size as the page prints it.
    ``extra_file`` maps a format to the extension of the file it needs beside it (RAW: its ``mf`` bitmap). ``endings``
    are those that the name of the object must have, where the page asks for one.
    """

    formats: tuple[str, ...]
    sources: tuple[str, ...]
    max_bytes: int | None = None
    bound: Literal["inclusive", "exclusive"] = "inclusive"
    limit: str = ""
    extra_file: dict[str, str] = {}
    endings: tuple[str, ...] = ()
    needs: tuple[Need, ...] = ()
    errors: tuple[str, ...] = ()
    size_errors: tuple[str, ...] = ()

    def carries(self, size: int) -> bool:
        """Say whether a file of ``size`` bytes is within the limit."""
        if self.max_bytes is None:
            return True
        return size <= self.max_bytes if self.bound == "inclusive" else size < self.max_bytes


class Operation(Leaf, frozen=True, kw_only=True):
    """One call of the image service.

    ``carries`` are the kinds of image it takes (``system``, ``data``, ``iso``); ``follows`` names the operation whose
    answer gives the image id. ``configures`` is true where the regular import may repair the guest, ``reads_guest``
    where the server looks into the file and its own view of the system wins. ``quick_import`` names the operation
    whose rules on the file hold where ``is_quick_import`` is true.
    """

    id: str = ""
    title: str
    method: str
    path: str
    sources: tuple[str, ...]
    safe_mode_path: str | None = None
    success_status: int = 200
    asynchronous: bool = False
    job_type: str | None = None
    carries: tuple[Literal["system", "data", "iso"], ...] = ()
    next_steps: tuple[str, ...] = ()
    follows: str | None = None
    from_object_store: bool = False
    configures: bool = False
    reads_guest: bool = False
    quick_import: str | None = None
    content_type: str = "application/json"
    custom_properties: bool = False
    fields: dict[str, FieldSpec] = {}
    file: FileRules | None = None
    min_disk: OperationMinDisk | None = None

    def documented(self, custom: dict[str, FieldSpec]) -> dict[str, FieldSpec]:
        """Return the fields of the JSON body: its own, and the ``custom`` properties where it takes any."""
        own = {name: field for name, field in self.fields.items() if field.place == "body" and field.type != "binary"}
        return {**custom, **own} if self.custom_properties else own

    def file_rules(self, operations: dict[str, "Operation"], body: dict[str, Any]) -> FileRules | None:
        """Return what the file must be for a request with this body: the quick import has rules of its own."""
        if self.quick_import is not None and body.get("is_quick_import") is True:
            return operations[self.quick_import].file
        return self.file


class ResponseField(Leaf, frozen=True, kw_only=True):
    """One field of the answer to the create call.

    ``presence`` is ``always`` for what the sample shows, ``documented`` for what only the table has. ``not_in_use``
    is true where a page says so: such a field may be absent or null. ``read_only`` fields are the server's own. A
    ``date-time`` (RFC 3339) must be a day and a time that there are, besides being of the ``pattern``.
    ``open_list`` is true where answers hold values that no page lists.
    """

    type: FieldType
    name: str = ""
    presence: Literal["always", "documented"]
    meaning: str
    open_list: bool = False
    read_only: bool = False
    not_in_use: bool = False
    allowed: tuple[Any, ...] = ()
    created: Any = msgspec.UNSET
    pattern: str | None = None
    form: str | None = None
    format: Literal["date-time"] | None = None
    unit: str | None = None
    max_length: int | None = None
    note: str | None = None
    sources: tuple[str, ...]


class ImportException(Leaf, frozen=True, kw_only=True):
    """A guest that the import does not repair: one with a file system of its own at ``mount``, or such a system.

    ``ids`` are those of os-release, ``versions`` begin its version, ``filesystem`` is that of its root.
    """

    says: str
    mount: str | None = None
    ids: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    filesystem: str | None = None


class ImportRepairs(Leaf, frozen=True, kw_only=True):
    """When an import repairs the guest: ``asked_by`` is the field of the request that asks for it."""

    asked_by: str
    exceptions: tuple[ImportException, ...] = ()
    sources: tuple[str, ...]


class Query(Leaf, frozen=True, kw_only=True):
    """A call that asks how far something is: its ``path``, and the words of ``status`` that end it, well or not."""

    path: str
    done: str
    failed: tuple[str, ...]
    sources: tuple[str, ...]


class Queries(Leaf, frozen=True, kw_only=True):
    """What is asked until an image is there: the image itself, and the job of a call that answers with one."""

    image: Query
    job: Query | None = None


class Profile(Leaf, frozen=True, kw_only=True):
    """The values of one cloud. ``disk_formats`` maps our format to the cloud's word for it, where it takes it.

    ``disk_format_readings`` has formats that only another document takes (a warning), ``sisters`` the clouds whose
    catalogue is asked next, ``platforms`` the cloud's spelling of a platform where it differs from the catalogue's.
    ``checksums`` are added to md5 and sha256. ``chain`` are the packs it is made of, base first, ``own_documents`` the
    beginnings of the ids of its own documents. ``forms`` are the patterns of fields that have a ``format`` and no
    pattern of their own. ``echoes_properties`` is true where an answer shows each property of the request.
    ``default_system`` is ``None`` where no field names the system by a list. ``operations``, ``response``,
    ``queries`` and ``custom_properties`` are empty in the
    profile that :func:`imgbuild.rulebook.load_profile` gives.
    """

    name: str
    title: str
    inherits: tuple[str, ...] = ()
    chain: tuple[str, ...] = ()
    own_documents: tuple[str, ...] = ()
    forms: dict[str, str] = {}
    prefix: str = ""
    sisters: tuple[str, ...] = ()
    checksums: tuple[str, ...] = ()
    disk_formats: dict[str, str] = {}
    disk_format_readings: dict[str, str] = {}
    default_disk_format: str | None = None
    platforms: dict[str, str] = {}
    min_disk: MinDisk
    default_system: DefaultSystem | None = None
    import_repairs: ImportRepairs | None = None
    echoes_properties: bool = False
    default_operation: str = "create-metadata"
    operations: dict[str, Operation] = {}
    response: dict[str, ResponseField] = {}
    custom_properties: dict[str, FieldSpec] = {}
    server_set: tuple[str, ...] = ()
    server_set_sources: tuple[str, ...] = ()
    queries: Queries | None = None

    def min_disk_of(self, operation: str) -> MinDisk:
        """Return the rules on ``min_disk`` for an operation: its own where it has some, else the cloud's."""
        found = self.operations.get(operation)
        return found.min_disk.over(self.min_disk) if found is not None and found.min_disk else self.min_disk


ARM = frozenset({"aarch64", "arm"})
"""The architectures of guests, 64 and 32 bit, that the clouds call arm."""
SERVICE_PACK = re.compile(r"(?:SP|U)\d+")
UNKNOWN_SYSTEM = "unknown"
"""The ``id`` of a spelling in a region's list that no row of the built-in catalogue explains."""


_EDITION_ENDS = ("evalcore", "evalcor", "eval", "core", "cor")


def edition_words(editions: str | None) -> tuple[str, ...]:
    """Return the editions of a Windows so that two ways to write one are equal: ``ServerStandard``, ``Standard``.

    What stands behind a colon is a part of the edition (``Datacenter: Azure Edition``).
    """
    words = [fold(part.partition(":")[0]).removeprefix("server") for part in (editions or "").split(",")]
    for end in _EDITION_ENDS:
        words = [word.removesuffix(end) or word for word in words]
    return tuple(word for word in words if word)


class CatalogueEntry(Leaf, frozen=True, kw_only=True):
    """One spelling of ``__os_version`` and what it stands for.

    ``id`` and ``version`` are as os-release would say them (``sles`` ``15.3``, ``debian`` ``12.0.0``), ``variant`` is
    what os-release keeps elsewhere (``stream``; the edition of a Windows). ``bits`` is 32 or 64, ``architecture``
    ``x86`` or ``arm``. ``usable`` is ``yes`` or ``likely`` where the spelling was seen as a value, ``unproven`` where
    it was seen as a label only. ``prefer`` is another spelling of the same system to prefer.
    """

    os_version: str
    id: str
    version: str | None
    variant: str | None
    platform: str
    os_type: Literal["Linux", "Windows", "Other"]
    bits: int
    architecture: Literal["x86", "arm"]
    usable: Literal["yes", "likely", "unproven"]
    clouds: tuple[str, ...]
    uefi: Literal["required", "listed", "not-listed"]
    prefer: str | None
    sources: tuple[str, ...]

    @property
    def numbers(self) -> tuple[int, ...]:
        """The numbers of the version, and of the service pack where the list names one apart from it."""
        pack = self.variant if self.variant is not None and SERVICE_PACK.fullmatch(self.variant) else ""
        return version_numbers(f"{self.version or ''} {pack}")

    @property
    def names_a_system(self) -> bool:
        """Whether the spelling says which distribution it is, so far as is known."""
        return self.id not in {"other", UNKNOWN_SYSTEM}

    def listed_on(self, cloud: str) -> bool:
        """Say whether the cloud takes this spelling as a value, so far as its documents show."""
        return self.usable != "unproven" and cloud in self.clouds


LONGEST_SPELLING = 100


def exact_version(system: OperatingSystem) -> str | None:
    """Return the version of a guest to compare with the catalogue's: for a Windows the product's, not its builds."""
    return system.version if system.id == "windows" else system.release or system.version


def fold(text: str) -> str:
    """Return the text without case, spaces and punctuation, to tell a misspelling from another system."""
    return "".join(char for char in text.casefold() if char.isalnum())


class Catalogue:
    """The known spellings of ``__os_version`` on all clouds. ``name`` says where they come from.

    ``exact`` is true for a list that was fetched for one region; the built-in one is known to be incomplete.
    """

    def __init__(self, entries: tuple[CatalogueEntry, ...], *, name: str = "built in", exact: bool = False) -> None:
        self.entries = entries
        self.name = name
        self.exact = exact

    @property
    def short_name(self) -> str:
        """What the list is called within a sentence: of a file, its name without the folder."""
        return os.path.basename(self.name) or self.name

    @cached_property
    def _by_spelling(self) -> dict[str, CatalogueEntry]:
        return {entry.os_version: entry for entry in self.entries}

    @cached_property
    def _by_folded(self) -> dict[str, tuple[CatalogueEntry, ...]]:
        groups: dict[str, list[CatalogueEntry]] = {}
        for entry in self.entries:
            groups.setdefault(fold(entry.os_version), []).append(entry)
        return {key: tuple(group) for key, group in groups.items()}

    def find(self, os_version: str) -> CatalogueEntry | None:
        """Return the entry of exactly this spelling."""
        return self._by_spelling.get(os_version)

    def for_cloud(self, cloud: str) -> tuple[CatalogueEntry, ...]:
        """Return the entries that are listed as values on a cloud; labels (unproven) are left out."""
        return tuple(entry for entry in self.entries if entry.listed_on(cloud))

    def has_list_of(self, cloud: str) -> bool:
        """Say whether any system is known to be listed on a cloud; of some only the value for all others is known."""
        return any(entry.names_a_system and entry.listed_on(cloud) for entry in self.entries)

    def of_system(self, system_id: str) -> tuple[CatalogueEntry, ...]:
        """Return the entries of a distribution by the id that os-release has for it."""
        return tuple(entry for entry in self.entries if is_same_system(entry.id, system_id))

    def folded(self, text: str) -> tuple[CatalogueEntry, ...]:
        """Return the entries that differ from ``text`` at most in case, spaces and punctuation."""
        return self._by_folded.get(fold(text), ())

    def nearest(self, text: str, cloud: str | None = None) -> CatalogueEntry | None:
        """Return the entry whose spelling is closest, of those listed on ``cloud`` if one is named.

        Never one of another major version, nor one for Arm for one that is not. A text of over 100 characters is no
        spelling of anything.
        """
        if len(text) > LONGEST_SPELLING:
            return None
        from difflib import get_close_matches  # noqa: PLC0415 - only a misspelt request pays for it

        pool = self.entries if cloud is None else self.for_cloud(cloud)
        alike = [entry for entry in pool if entry.usable != "unproven" and _shape(entry.os_version) == _shape(text)]
        spellings = {fold(entry.os_version): entry for entry in reversed(alike)}
        close = get_close_matches(fold(text), spellings, n=1, cutoff=0.75)
        return spellings[close[0]] if close else None


def _shape(spelling: str) -> tuple[str, tuple[int, ...], bool]:
    """Return what must be the same in a near miss: first letter, major version, and whether it is for Arm."""
    words = fold(spelling)
    return words[:1], version_numbers(spelling)[:1], words.endswith("arm")
