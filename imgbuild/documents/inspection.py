"""The document of ``imgbuild inspect``: the facts of one image file."""

# Without the future import, as in model.py.
from typing import Any, Literal

import msgspec

from imgbuild.documents.run import Run, Step
from imgbuild.model import SCHEMA, Firmware, GuestCheck, OperatingSystem, Partition, Problem, Value, Volume
from imgbuild.version import __version__


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


class Content(Value, frozen=True, kw_only=True):
    """What the whole virtual disk holds as the guest sees it, in whatever container: it was all read and unpacked.

    ``size`` is its bytes and ``sha256`` the digest of all of them, that of a raw copy of the disk. ``data_end`` is
    where the last MiB ends that holds anything but zeros, ``data_sha256`` the digest of the disk up to there: it is the
    same for a disk that a writer has rounded up. (The last MiB is taken whole, with zeros where the disk ends in it.)
    """

    size: int
    sha256: str
    data_end: int
    data_sha256: str

    def is_same_disk(self, other: "Content") -> bool:
        """Say whether both are of one disk, zeros behind its data left aside."""
        return (self.data_end, self.data_sha256) == (other.data_end, other.data_sha256)


class Inside(Value, frozen=True, kw_only=True, omit_defaults=True):
    """What lies inside of a file that is no image itself: the content of a compressed file, a disk in an archive.

    ``name`` is that of the entry in an archive, ``offset`` the byte of the file where it begins; both are ``None`` for
    what must be decompressed first. ``size`` is ``None`` where only decompressing all of it would tell. ``checksums``
    are there where all of it was read: of what was decompressed, and of the disks in an archive. The rest is as in an
    inspection; what is wrong with it is among the problems of the file.
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

    ``content``, ``space`` and ``run`` are there only where they were asked for, ``inside`` for compressed files and
    archives alone.
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
    content: Content | msgspec.UnsetType = msgspec.UNSET
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
