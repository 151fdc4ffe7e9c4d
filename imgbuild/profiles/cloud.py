"""The values of one cloud: its words, bounds, calls and answers, and what an import there repairs."""

# Without the future import, as in model.py.
from imgbuild.profiles.fields import FieldSpec, ResponseField
from imgbuild.profiles.leaf import Leaf
from imgbuild.profiles.mindisk import MinDisk
from imgbuild.profiles.operations import Operation


class DefaultSystem(Leaf, frozen=True, kw_only=True):
    """The value for a system that the cloud does not list: ``value`` is written, ``also`` is accepted as well."""

    value: str
    also: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    reading: str = ""


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
