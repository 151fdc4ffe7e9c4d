"""A6, and the chains of A11 that partition tables make."""

from __future__ import annotations

from functools import partial

from hostile.case import Case
from table_writer import ESP, Disk, Gpt, Part, boot_sector, record

MIB = 1 << 20
SIZE = 8 * MIB
LAST = SIZE // 512 - 1
EXTENDED = 5


def mbr(*records: bytes, size: int = SIZE) -> Disk:
    return Disk(size).write(0, boot_sector(*records, signature=0x12345678))


def chain(*sectors: tuple[int, int], container: tuple[int, int] = (2048, 8192)) -> Disk:
    """Return a disk with an extended partition; each of ``sectors`` is where a boot record is and where it leads."""
    disk = mbr(record(EXTENDED, *container))
    for place, follows in sectors:
        disk.write(place * 512, boot_sector(record(0x83, 8, 8), record(EXTENDED, follows - container[0], 16)))
    return disk


def gpt(*parts: Part, disk_size: int = SIZE, **options: object) -> Disk:
    changes = {name: options.pop(name) for name in ("my_lba", "entry_lba") if name in options}
    copies = {name: options.pop(name) for name in ("protective", "primary", "backup") if name in options}
    return Gpt(parts or (Part(2048, 4095),), **options).write(Disk(disk_size), **copies, **changes)


def damaged(disk: Disk, *places: int) -> Disk:
    """Return the disk with a byte changed at each place."""
    for place in places:
        disk.write(place, bytes([disk.read_at(place, 1)[0] ^ 0xFF]))
    return disk


def claiming(**fields: int) -> Disk:
    """Return a GPT both of whose headers claim other entries than there are, with right checksums."""
    table = Gpt([Part(2048, 4095)])
    disk = table.write(Disk(SIZE))
    disk.write(512, table.header(1, LAST, 2, LAST, **fields))
    return disk.write(LAST * 512, table.header(LAST, 1, LAST - 32, LAST, **fields))


def differing() -> Disk:
    """Return a GPT whose backup has another partition than its primary copy."""
    disk = Gpt([Part(2048, 4095)]).write(Disk(SIZE))
    return Gpt([Part(8192, 9999)]).write(disk, protective=False, primary=False)


OVERLAP, PAST, DAMAGED = ("image-partition-overlap",), ("image-partition-past-end",), ("image-gpt-damaged",)
RANGE, EBR = ("image-gpt-partition-range",), ("image-extended-partition-damaged",)

CASES = [
    Case("mbr-overlap.raw", "A6", "two partitions that overlap",
         lambda: mbr(record(0x83, 2048, 4096), record(0x83, 4096, 4096)), OVERLAP),
    Case("mbr-same.raw", "A6", "one partition twice",
         lambda: mbr(record(0x83, 2048, 4096), record(0x83, 2048, 4096)), OVERLAP),
    Case("mbr-inside-itself.raw", "A6", "a partition that begins with the table",
         lambda: mbr(record(0x83, 0, LAST)), ()),
    Case("mbr-past-end.raw", "A6", "a partition that ends behind the disk",
         lambda: mbr(record(0x83, 2048, LAST)), PAST),
    Case("mbr-starts-past-end.raw", "A6", "a partition that starts behind the disk",
         lambda: mbr(record(0x83, 2 * LAST, 8)), PAST),
    Case("mbr-wrap.raw", "A6", "start and size add up to more than 2**32",
         lambda: mbr(record(0x83, 0xFFFFFFFF, 0xFFFFFFFF)), PAST),
    Case("mbr-wrap-4k.raw", "A6", "a partition that wraps round to the start in 32 bits",
         lambda: mbr(record(0x83, 2048, 0xFFFFFFFF - 2046)), PAST),
    Case("gpt-overlap.raw", "A6", "two partitions that overlap",
         lambda: gpt(Part(2048, 4095), Part(4000, 5000)), OVERLAP),
    Case("gpt-backwards.raw", "A6", "a partition that ends before it starts", lambda: gpt(Part(4096, 2048)), RANGE),
    Case("gpt-past-end.raw", "A6", "a partition that ends behind the disk", lambda: gpt(Part(2048, LAST * 2)), PAST),
    Case("gpt-huge.raw", "A6", "a partition to block 2**64 - 1", lambda: gpt(Part(2048, (1 << 64) - 1)),
         ("image-gpt-partition-range",)),
    Case("gpt-on-itself.raw", "A6", "a partition over the table itself", lambda: gpt(Part(1, 100)),
         ("image-gpt-partition-outside-usable",)),
    Case("gpt-128-overlapping.raw", "A6", "128 partitions, all at the same place",
         lambda: gpt(*(Part(2048, 4095) for _ in range(128))), OVERLAP),
    Case("gpt-same-id.raw", "A6", "two partitions with one identity", lambda: gpt(
        Part(2048, 4095, unique="c0ffee00-0000-4000-8000-000000000001"),
        Part(6144, 8191, unique="c0ffee00-0000-4000-8000-000000000001")), ("image-gpt-duplicate-partition-id",)),
    Case("gpt-count.raw", "A6", "2**32 - 1 entries", partial(claiming, count=0xFFFFFFFF), DAMAGED),
    Case("gpt-entry-size.raw", "A6", "entries of 2 GiB", partial(claiming, entry_size=1 << 31), DAMAGED),
    Case("gpt-count-times-size.raw", "A6", "2**16 entries of 2**16 bytes: 0 in 32 bits",
         partial(claiming, count=1 << 16, entry_size=1 << 16), DAMAGED),
    Case("gpt-entry-size-0.raw", "A6", "entries of 0 bytes", partial(claiming, entry_size=0), DAMAGED),
    Case("gpt-entry-size-1.raw", "A6", "entries of 1 byte", partial(claiming, entry_size=1), DAMAGED),
    Case("gpt-header-size.raw", "A6", "headers of 4 GiB", lambda: gpt().write(512 + 12, b"\xff" * 4).write(
        LAST * 512 + 12, b"\xff" * 4), DAMAGED),
    Case("gpt-header-size-0.raw", "A6", "headers of 0 bytes", lambda: gpt().write(512 + 12, bytes(4)).write(
        LAST * 512 + 12, bytes(4)), DAMAGED),
    Case("gpt-entries-past-end.raw", "A6", "entries behind the disk", partial(claiming, entry_lba=1 << 60), DAMAGED),
    Case("gpt-entries-in-header.raw", "A6", "entries that begin in the protective MBR",
         partial(claiming, entry_lba=0), DAMAGED),
    Case("gpt-entries-wrap.raw", "A6", "entries at block 2**64 - 1",
         partial(claiming, entry_lba=(1 << 64) - 1), DAMAGED),
    Case("gpt-wrong-place.raw", "A6", "headers that say they are elsewhere", partial(claiming, my_lba=77), DAMAGED),
    Case("gpt-checksums.raw", "A6", "both headers damaged", lambda: damaged(gpt(), 540, LAST * 512 + 30), DAMAGED),
    Case("gpt-primary-damaged.raw", "A6", "the primary header damaged", lambda: damaged(gpt(), 540),
         ("image-gpt-primary-damaged",)),
    Case("gpt-entries-damaged.raw", "A6", "the primary's entries damaged", lambda: damaged(gpt(), 1024 + 60),
         ("image-gpt-primary-damaged",)),
    Case("gpt-backup-damaged.raw", "A6", "the backup damaged", lambda: damaged(gpt(), LAST * 512 + 30),
         ("image-gpt-backup-damaged",)),
    Case("gpt-copies-differ.raw", "A6", "a backup with another partition", differing, ("image-gpt-copies-differ",)),
    Case("gpt-alternate-past-end.raw", "A6", "a backup that lies behind the disk: the file was cut",
         lambda: gpt(alternate=2 * LAST, backup=False), ("image-gpt-past-end",)),
    Case("gpt-alternate-wraps.raw", "A6", "a backup at block 2**64 - 1",
         lambda: gpt(alternate=(1 << 64) - 1, backup=False), ("image-gpt-past-end",)),
    Case("gpt-alternate-itself.raw", "A6", "a backup that is the primary",
         lambda: gpt(alternate=1, backup=False, last_usable=LAST - 33), ("image-gpt-backup-damaged",)),
    Case("gpt-hybrid.raw", "A6", "a hybrid MBR with another partition than the GPT", lambda: gpt().write(
        0, boot_sector(record(0xEE, 1, 2047), record(0x83, 8192, 1024))), ("image-gpt-hybrid-mbr",)),
    Case("gpt-not-protected.raw", "A6", "no protective MBR", lambda: gpt(Part(2048, 4095, ESP), protective=False),
         ("image-gpt-protective-mbr-missing",)),
    Case("gpt-below-mbr.raw", "A6", "an MBR that hides a GPT", lambda: gpt().write(
        0, boot_sector(record(0x83, 8192, 1024))), ("image-gpt-leftover",)),
    Case("gpt-protective-alone.raw", "A6", "a protective MBR and no GPT", lambda: mbr(record(0xEE, 1, 0xFFFFFFFF)),
         DAMAGED),
    Case("ebr-itself.raw", "A11", "an extended boot record that leads to itself", lambda: chain((2048, 2048)), EBR),
    Case("ebr-two.raw", "A11", "two extended boot records that lead to each other",
         lambda: chain((2048, 3000), (3000, 2048)), EBR),
    Case("ebr-first-sector.raw", "A11", "an extended partition that begins at the MBR",
         lambda: mbr(record(EXTENDED, 0, 8192)), EBR),
    Case("ebr-long.raw", "A11", "a chain of 200 extended boot records",
         lambda: chain(*((2048 + 32 * number, 2080 + 32 * number) for number in range(200))), EBR),
    Case("ebr-past-end.raw", "A11", "a chain that leads behind the disk", lambda: chain((2048, 2 * LAST)), EBR),
    Case("ebr-wraps.raw", "A11", "a chain that leads behind 2**32", lambda: chain((2048, 0xFFFFFFFF)), EBR),
    Case("ebr-four.raw", "A11", "four extended partitions that are one", lambda: mbr(
        *(record(EXTENDED, 2048, 8192) for _ in range(4))).write(2048 * 512, boot_sector(
            record(0x83, 8, 8), record(EXTENDED, 0, 16))), EBR),
]
