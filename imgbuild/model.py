"""The values that imgbuild passes around and prints: one type for each part of the contract.

Every document starts with the version, the schema number and its kind. Field names do not change
without a new schema number. Unknown is ``None``, never 0. Sizes and offsets are bytes.
"""

# Without the future import: msgspec reads the annotations, and would have to compile each of them from its text (1 ms).
from typing import Any, Literal

import msgspec

from imgbuild.version import __version__

SCHEMA = 1

Severity = Literal["error", "warning", "note"]
Group = Literal["safety", "integrity", "file", "guest", "request"]
SubjectKind = Literal["image", "guest", "request", "response"]
GuestStatus = Literal["pass", "fail", "unknown", "not-applicable"]
QEMU_AGENT = "qemu-guest-agent"
"""What a system's ``agents`` call the guest agent of QEMU, whatever a distribution calls its service."""


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all values: immutable; msgspec wants ``kw_only`` said again by each of them."""


class View(Value, frozen=True, kw_only=True):
    """What somebody takes an image for: a reader, or a person who claims it; ``words`` where there is more to say."""

    who: str
    format: str | None = None
    virtual_size: int | None = None
    words: str | None = None


class Problem(Value, frozen=True, kw_only=True):
    """What a reader objected to; code X is the finding image-X.

    ``field`` is the standard's own name of the field at ``offset`` (bytes into the file), ``length`` its
    length in bytes and ``hex`` those bytes, at most 32 of them. ``views`` are there where readers or a claim differ.
    """

    code: str
    message: str
    field: str | None = None
    offset: int | None = None
    length: int | None = None
    hex: str | None = None
    views: tuple[View, ...] | msgspec.UnsetType = msgspec.UNSET


class Partition(Value, frozen=True, kw_only=True):
    """One partition; a file system on the whole disk is one partition with index 0 and start 0.

    ``type`` is the name of the type in words where it is known, else its GUID or its MBR byte as ``0x83``;
    ``type_id`` is always the GUID (upper case) or the byte. ``mount`` is where the guest's fstab mounts it.
    """

    index: int
    start: int
    size: int
    type: str | None = None
    type_id: str | None = None
    name: str | None = None
    bootable: bool = False
    filesystem: str | None = None
    uuid: str | None = None
    label: str | None = None
    partuuid: str | None = None
    mount: str | None = None


class Volume(Value, frozen=True, kw_only=True):
    """A logical volume that is put together from partitions."""

    kind: str
    name: str
    size: int
    filesystem: str | None = None
    uuid: str | None = None
    label: str | None = None
    mount: str | None = None


class Firmware(Value, frozen=True, kw_only=True):
    """Which firmware can boot the disk; ``None`` means that it could not be seen. ``why`` gives the evidence."""

    bios: bool | None = None
    uefi: bool | None = None
    secure_boot: bool | None = None
    why: tuple[str, ...] = ()


class OperatingSystem(Value, frozen=True, kw_only=True, omit_defaults=True):
    """The system found in the guest; see the contract on ``id``, ``version`` and ``release``.

    ``variant`` carries ``VARIANT_ID`` (or what stands for it), ``source`` the guest file that named the system.
    ``kernels`` are the installed Linux kernels as ``uname -r`` has them, the one that boots first. ``default_user`` is
    who logs in with the key that the cloud gives, ``agents`` are the hypervisors' services that the guest starts.
    """

    type: str | None
    id: str | None
    version: str | None
    release: str | None
    name: str | None
    architecture: str | None
    bits: int | None
    build: int | None = None
    edition: str | None = None
    variant: str | None = None
    id_like: tuple[str, ...] = ()
    kernels: tuple[str, ...] = ()
    source: str | None = None
    default_user: str | None = None
    agents: tuple[str, ...] = ()


class Place(Value, frozen=True, kw_only=True, omit_defaults=True):
    """A place in a guest file; ``line`` counts from 1, ``text`` is that line in a form that is safe to show.

    ``says`` is what is wrong there, where the check's own detail does not say it. ``soft`` is true where the guest
    comes up all the same.
    """

    path: str
    line: int | None = None
    text: str | None = None
    says: str | None = None
    soft: bool = False


class GuestCheck(Value, frozen=True, kw_only=True, omit_defaults=True):
    """One readiness fact; ``check`` is an id of the guest rules, ``files`` are guest paths.

    ``places`` are where a check that fails has failed, ``cure`` is what repairs this guest, where that is more than the
    rule's own hint. ``advice`` is true for a failure that most guests come up with all the same.
    """

    check: str
    status: GuestStatus
    detail: str
    files: tuple[str, ...]
    places: tuple[Place, ...] = ()
    cure: str | None = None
    advice: bool = False


class Witness(Value, frozen=True, kw_only=True):
    """What qemu-img says of the same file.

    ``found`` is its version or ``None`` where it is not installed; ``probed`` is the format it takes when it
    is not told, ``format`` and ``virtual_size`` what it reads under our format. Where it gave no answer, ``error``
    says why and ``failure`` which way: it was not asked, could not run, refused the image, or died over it.
    ``sandbox`` names what held it, as that of the run does for our own child.
    """

    found: str | None = None
    format: str | None = None
    virtual_size: int | None = None
    probed: str | None = None
    error: str | None = None
    failure: Literal["not-asked", "not-run", "refused", "died"] | None = None
    sandbox: tuple[str, ...] = ()


class DiscWitness(Value, frozen=True, kw_only=True, omit_defaults=True):
    """What pycdlib says of the same disc.

    ``found`` is its version or ``None`` where it is not installed. Where it has not ``answered``, ``error`` says why:
    what it raised, or that it took too long. The names are those in the root directory that only one of both has.
    """

    found: str | None = None
    answered: bool = False
    volume_id: str | None = None
    volume_space_size: int | None = None
    el_torito: tuple[dict[str, Any], ...] = ()
    names_only_here: tuple[str, ...] = ()
    names_only_there: tuple[str, ...] = ()
    error: str | None = None
    sandbox: tuple[str, ...] = ()


class Step(Value, frozen=True, kw_only=True, omit_defaults=True):
    """One step of a run: its seconds, and what it read of the image where that was counted."""

    name: str
    seconds: float
    reads: int | None = None
    bytes_read: int | None = None


class Run(Value, frozen=True, kw_only=True):
    """Facts on the run itself; they are shown with ``-v`` or ``--run-facts`` only.

    ``sandbox`` names what held the child that read the image: ``fork``, ``rlimits``, ``no-new-privs``,
    ``landlock-abi-N`` and ``seccomp``, as far as the system offers them. ``cached`` are the checksums that were not
    computed, as they were known. ``hash_seconds`` is how long the others took. ``pycdlib`` is there where it was asked.
    ``steps`` are those that were taken; the file is hashed, and qemu-img asked, beside those of the inspection.
    """

    seconds: float
    steps: tuple[Step, ...] = ()
    hash_seconds: float | None
    inspect_seconds: float
    reads: int
    bytes_read: int
    allocated: int | None
    cached: tuple[str, ...] = ()
    sandbox: tuple[str, ...]
    qemu: Witness | None = None
    pycdlib: DiscWitness | msgspec.UnsetType = msgspec.UNSET


class Usage(Value, frozen=True, kw_only=True):
    """How many bytes of a file system are in use, of the partition with this index or the volume of this name."""

    partition: int | None = None
    volume: str | None = None
    used: int


class Space(Value, frozen=True, kw_only=True):
    """Where the disk has data, for those who draw it: pieces of the virtual disk, and file systems.

    ``piece`` is the bytes of a piece (the last one is shorter where the disk is no multiple of it), ``stored`` how many
    bytes of each the file has a place for; the others are zeros, or a parent's. A piece is ``None`` where the tables of
    the container could not be followed; there are no pieces where the format does not tell.
    """

    piece: int
    stored: tuple[int | None, ...] = ()
    file_systems: tuple[Usage, ...] = ()


class Inside(Value, frozen=True, kw_only=True, omit_defaults=True):
    """What lies inside of a file that is no image itself: the content of a compressed file, a disk in an archive.

    ``name`` is that of the entry in an archive, ``offset`` the byte of the file where it begins; both are ``None`` for
    what must be decompressed first. ``size`` is ``None`` where only decompressing all of it would tell. The rest is as
    in an inspection; what is wrong with it is among the problems of the file.
    """

    name: str | None
    offset: int | None = None
    size: int | None
    format: str | None
    virtual_size: int | None = None
    checksums: dict[str, str] | None = None
    container: dict[str, Any] = {}
    partition_table: Literal["gpt", "mbr"] | None = None
    partitions: tuple[Partition, ...] = ()
    volumes: tuple[Volume, ...] = ()
    firmware: Firmware = Firmware()
    os: OperatingSystem | None = None
    other_os: tuple[OperatingSystem, ...] = ()
    guest: tuple[GuestCheck, ...] = ()


class Inspection(Value, frozen=True, kw_only=True):
    """The facts of one image file; the document of ``imgbuild inspect``.

    ``space`` and ``run`` are there only where they were asked for, ``inside`` for compressed files and archives alone.
    """

    imgbuild: str = __version__
    schema: int = SCHEMA
    kind: Literal["inspection"] = "inspection"
    path: str
    size: int
    format: str | None = None
    disk_format: str | None = None
    virtual_size: int | None = None
    checksums: dict[str, str] | None = None
    container: dict[str, Any] = {}
    problems: tuple[Problem, ...] = ()
    partition_table: Literal["gpt", "mbr"] | None = None
    partitions: tuple[Partition, ...] = ()
    volumes: tuple[Volume, ...] = ()
    firmware: Firmware = Firmware()
    os: OperatingSystem | None = None
    other_os: tuple[OperatingSystem, ...] = ()
    guest: tuple[GuestCheck, ...] = ()
    inside: tuple[Inside, ...] | msgspec.UnsetType = msgspec.UNSET
    space: Space | msgspec.UnsetType = msgspec.UNSET
    run: Run | msgspec.UnsetType = msgspec.UNSET


class Look(Value, frozen=True, kw_only=True):
    """What is known of an image so far, and what it cost: reads, bytes read, seconds.

    ``opened`` says that container, partition table and superblocks have been read: what follows is the guest.
    """

    facts: Inspection
    reads: int
    bytes_read: int
    seconds: float
    opened: bool = False
    steps: tuple[Step, ...] = ()


class Hashed(Value, frozen=True, kw_only=True):
    """The checksums of a file, those of them that were known, the seconds that the others took; or why there are none.

    ``seconds`` is ``None`` where nothing was read.
    """

    checksums: dict[str, str] | None = None
    cached: tuple[str, ...] = ()
    seconds: float | None = None
    problem: Problem | None = None


class Source(Value, frozen=True, kw_only=True):
    """A document: where it is, of which date, and what it says (the reading)."""

    title: str
    url: str | None = None
    date: str | None = None
    reading: str | None = None


class Derived(Value, frozen=True, kw_only=True):
    """A request field with the reasons for its value and the documents behind them."""

    value: Any
    why: tuple[str, ...]
    sources: tuple[Source, ...] = ()


class Request(Value, frozen=True, kw_only=True):
    """The call that creates the image.

    ``body`` is empty where the file itself is the body (``content_type`` then says so). A part of ``path`` that is not
    known yet stays in braces.
    """

    operation: str
    method: str
    path: str
    content_type: str = "application/json"
    body: dict[str, Any]


class RouteOption(Value, frozen=True, kw_only=True):
    """Another import path; ``why_not`` is ``None`` where it could carry the file, too, ``needs`` what it asks for."""

    operation: str
    why_not: str | None
    needs: tuple[str, ...] = ()


class Route(Value, frozen=True, kw_only=True):
    """The import path that carries this file; ``operation`` is ``None`` where none does.

    ``needs`` is what the path asks for besides the file.
    """

    operation: str | None
    why: tuple[str, ...]
    needs: tuple[str, ...] = ()
    others: tuple[RouteOption, ...] = ()


class Expected(Value, frozen=True, kw_only=True):
    """What the server must show, field by field: after the create call, and once the image is active.

    A plain value is a prediction. An object ``{"set_by": "server", …}`` names a field that is the server's own,
    with what its value must look like.
    """

    created: dict[str, Any]
    active: dict[str, Any]


class CatalogueFacts(Value, frozen=True, kw_only=True, omit_defaults=True):
    """The list of OS versions in force: ``name`` is the file of a region's list, which is exact, else ``built in``.

    The built-in one says of when its ``oldest`` and ``newest`` documents are, and how many of its spellings are sure
    (``yes``), ``likely``, or were seen as labels only (``unproven``).
    """

    name: str
    exact: bool
    entries: int
    oldest: str | None = None
    newest: str | None = None
    usable_as_os_version: dict[str, int] = {}


class Policy(Value, frozen=True, kw_only=True, omit_defaults=True):
    """Choices of reading that were in force when the manifest was built.

    ``catalogue`` is the list of OS versions of a region, if one was given.
    """

    min_disk: Literal["greater", "not-less"]
    catalogue: CatalogueFacts | None = None


class Manifest(Value, frozen=True, kw_only=True):
    """The document of ``imgbuild build``."""

    imgbuild: str = __version__
    schema: int = SCHEMA
    kind: Literal["manifest"] = "manifest"
    cloud: str
    policy: Policy
    image: Inspection
    derived: dict[str, Derived]
    request: Request
    route: Route
    expected: Expected


class Evidence(Value, frozen=True, kw_only=True):
    """The bytes behind a finding."""

    field: str | None
    offset: int | None
    length: int | None
    hex: str | None


class ErrorCode(Value, frozen=True, kw_only=True):
    """The answer the server would give."""

    code: str
    status: int | None


class Subject(Value, frozen=True, kw_only=True):
    """What a finding is about; ``line`` and ``column`` count from 1, ``pointer`` is a JSON Pointer."""

    kind: SubjectKind
    path: str | None = None
    pointer: str | None = None
    line: int | None = None
    column: int | None = None
    guest_path: str | None = None


class Edit(Value, frozen=True, kw_only=True):
    """What ``lint --fix`` does to the text of a request at ``pointer``.

    ``set`` writes ``value`` there, be there one yet or not, ``rename`` gives the member the key ``key``, ``remove``
    takes the member or the item out, ``remove-mark`` the byte order mark before the text.
    """

    action: Literal["set", "rename", "remove", "remove-mark"]
    pointer: str
    value: Any = msgspec.UNSET
    key: str | msgspec.UnsetType = msgspec.UNSET


class Finding(Value, frozen=True, kw_only=True):
    """One thing that a rule found; ``excerpt`` is the line of the guest file that it is about, safe to show.

    ``fix`` is there where ``lint --fix`` can mend it.
    """

    rule: str
    severity: Severity
    group: Group
    cloud: str | None
    message: str
    hint: str
    subject: Subject
    value: Any = None
    sources: tuple[Source, ...] = ()
    errors: tuple[ErrorCode, ...] = ()
    evidence: Evidence | None = None
    excerpt: str | None = None
    fingerprint: str = ""
    views: tuple[View, ...] | msgspec.UnsetType = msgspec.UNSET
    fix: Edit | msgspec.UnsetType = msgspec.UNSET


class Summary(Value, frozen=True, kw_only=True):
    """How many findings there are of each severity."""

    error: int = 0
    warning: int = 0
    note: int = 0


class Tally(Value, frozen=True, kw_only=True):
    """How many rules were asked, and what came of it."""

    passed: int = 0
    failed: int = 0
    not_applicable: int = 0


class Accepted(Value, frozen=True, kw_only=True):
    """A finding that somebody has accepted, and why; it does not count."""

    finding: Finding
    reason: str


class Findings(Value, frozen=True, kw_only=True):
    """The document of ``imgbuild lint`` and ``imgbuild check``; ``operation`` is the one that was taken.

    ``fixable`` says how many of the findings ``lint --fix`` can mend, where it is any; ``fixed`` how many it has.
    """

    imgbuild: str = __version__
    schema: int = SCHEMA
    kind: Literal["findings"] = "findings"
    operation: str | None = None
    summary: Summary
    rules: Tally = Tally()
    findings: tuple[Finding, ...]
    accepted: tuple[Accepted, ...] = ()
    fixable: int | msgspec.UnsetType = msgspec.UNSET
    fixed: int | msgspec.UnsetType = msgspec.UNSET


def encode(document: Value, *, indent: int = 2) -> bytes:
    """Return the document as JSON with a newline at its end; the same value gives the same bytes."""
    return msgspec.json.format(msgspec.json.encode(document), indent=indent) + b"\n"
