"""Tiny ISO 9660 and UDF discs, byte by byte: what no mastering program would write is written here."""

from __future__ import annotations

SECTOR = 2048
FIRST = 16 * SECTOR
JOLIET = b"%/E"


def both(value: int, size: int) -> bytes:
    """Return a number in both byte orders, as ECMA-119 records it."""
    return value.to_bytes(size, "little") + value.to_bytes(size, "big")


def descriptor(kind: int, **fields: bytes) -> bytearray:
    """Return a volume descriptor; ``fields`` are named after their offsets: ``at_40=b"NAME"``."""
    sector = bytearray(SECTOR)
    sector[:7] = bytes([kind]) + b"CD001\x01"
    for name, value in fields.items():
        offset = int(name.removeprefix("at_"))
        sector[offset : offset + len(value)] = value
    return sector


def primary(*, blocks: int = 24, block_size: int = 2048, label: bytes = b"TINY", **fields: bytes) -> bytearray:
    """Return a primary volume descriptor whose root directory is block 20."""
    root = bytes([34, 0]) + both(20, 4) + both(SECTOR, 4)
    usual = {"at_40": label.ljust(32), "at_80": both(blocks, 4), "at_120": both(1, 2), "at_124": both(1, 2),
             "at_128": both(block_size, 2), "at_132": both(10, 4), "at_156": root}
    return descriptor(1, **(usual | fields))


def boot_record(catalog: int) -> bytearray:
    """Return the boot record of El Torito for a catalog in that sector."""
    return descriptor(0, at_7=b"EL TORITO SPECIFICATION", at_71=catalog.to_bytes(4, "little"))


def terminator() -> bytearray:
    """Return the descriptor that ends the set."""
    return descriptor(255)


def recognition(*identifiers: bytes) -> list[bytearray]:
    """Return the recognition sequence of UDF."""
    return [bytearray((b"\0" + identifier + b"\x01").ljust(SECTOR, b"\0")) for identifier in identifiers]


def disc(*sectors: bytes, size: int = 24, system_area: bytes = b"", at: dict[int, bytes] | None = None) -> bytes:
    """Return a disc of ``size`` sectors with the descriptors from sector 16 on and further sectors ``at`` places."""
    image = bytearray(size * SECTOR)
    image[: len(system_area)] = system_area
    placed = {16 + number: sector for number, sector in enumerate(sectors)} | (at or {})
    for number, sector in placed.items():
        image[number * SECTOR : number * SECTOR + len(sector)] = sector
    return bytes(image)


def plain() -> bytes:
    """Return the smallest disc that is sound."""
    return disc(primary(), terminator())


def validation(platform: int = 0, *, checksum: int | None = None) -> bytes:
    """Return the first entry of a boot catalog, with its right checksum unless another is given."""
    entry = bytearray(b"\x01" + bytes([platform]) + bytes(28) + b"\x55\xaa")
    words = sum(int.from_bytes(entry[at : at + 2], "little") for at in range(0, 32, 2))
    entry[28:30] = ((-words if checksum is None else checksum) & 0xFFFF).to_bytes(2, "little")
    return bytes(entry)


def boot_entry(rba: int, *, sectors: int = 4, bootable: bool = True) -> bytes:
    """Return a boot entry for the image at sector ``rba``."""
    head = bytes([0x88 if bootable else 0, 0, 0, 0, 0, 0])
    return (head + sectors.to_bytes(2, "little") + rba.to_bytes(4, "little")).ljust(32, b"\0")


def section(platform: int, entries: int, *, last: bool = True) -> bytes:
    """Return a section header."""
    return (bytes([0x91 if last else 0x90, platform]) + entries.to_bytes(2, "little")).ljust(32, b"\0")


def tagged(identifier: int, **fields: bytes) -> bytes:
    """Return a descriptor of ECMA-167 with a sound tag; ``fields`` as in :func:`descriptor`."""
    sector = bytearray(SECTOR)
    sector[:2] = identifier.to_bytes(2, "little")
    for name, value in fields.items():
        offset = int(name.removeprefix("at_"))
        sector[offset : offset + len(value)] = value
    sector[4] = sum(sector[:16]) & 0xFF
    return bytes(sector)


def udf_volume(*, length: int, label: bytes = b"\x08UDF DISC") -> dict[int, bytes]:
    """Return anchor and descriptor sequence of a UDF volume whose partition begins at sector 300."""
    sequence = 260
    return {
        256: tagged(2, at_16=(4 * SECTOR).to_bytes(4, "little"), at_20=sequence.to_bytes(4, "little")),
        sequence: tagged(1, at_24=label.ljust(31, b"\0") + bytes([len(label)])),
        sequence + 1: tagged(5, at_188=(300).to_bytes(4, "little"), at_192=length.to_bytes(4, "little")),
        sequence + 2: tagged(8),
    }


def mbr(*, kind: int = 0x83, start: int = 64, sectors: int = 128, status: int = 0x80) -> bytes:
    """Return a first sector with one partition."""
    entry = bytes([status, 0, 0, 0, kind, 0, 0, 0]) + start.to_bytes(4, "little") + sectors.to_bytes(4, "little")
    return bytes(446) + entry + bytes(48) + b"\x55\xaa"
