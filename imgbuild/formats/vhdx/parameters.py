"""What the metadata items say of the disk: items in, :class:`Parameters` out, each number checked before it is used.

[MS-VHDX] section 2.6.2 "Known Metadata Items",
https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-vhdx/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from imgbuild.formats.vhdx import metadata
from imgbuild.formats.vhdx.fields import guid_text, number
from imgbuild.sizes import MIB, TIB, ceil_div, human_size

if TYPE_CHECKING:
    from imgbuild.formats.vhdx.metadata import Item

MIN_BLOCK, MAX_BLOCK = MIB, 256 * MIB
MAX_DISK = 64 * TIB
SECTOR_SIZES = (512, 4096)
_SECTORS_IN_BITMAP_BLOCK = 1 << 23
_LEAVE_BLOCK_ALLOCATED = 1 << 0
_HAS_PARENT = 1 << 1


class Parameters(NamedTuple):
    """The parameters of the disk; sizes in bytes."""

    block_size: int
    leave_block_allocated: bool
    has_parent: bool
    virtual_disk_size: int
    virtual_disk_id: str
    logical_sector_size: int
    physical_sector_size: int

    @property
    def kind(self) -> str:
        """What people call the disk: ``fixed``, ``dynamic`` or ``differencing``."""
        return "differencing" if self.has_parent else "fixed" if self.leave_block_allocated else "dynamic"

    @property
    def chunk_ratio(self) -> int:
        """How many payload blocks stand in the BAT before each sector bitmap block."""
        return _SECTORS_IN_BITMAP_BLOCK * self.logical_sector_size // self.block_size

    @property
    def payload_blocks(self) -> int:
        """How many blocks the disk has."""
        return ceil_div(self.virtual_disk_size, self.block_size)

    @property
    def bat_entries(self) -> int:
        """How many entries of the BAT the disk needs, those of sector bitmaps between payload blocks included.

        Over a parent each chunk has the entry of its bitmap, the last one, too.
        """
        if self.has_parent:
            return ceil_div(self.payload_blocks, self.chunk_ratio) * (self.chunk_ratio + 1)
        return self.payload_blocks + max(0, self.payload_blocks - 1) // self.chunk_ratio

    def facts(self) -> dict[str, Any]:
        """Return the parameters as they are shown."""
        return {"disk_type": self.kind, **self._asdict()}


def read_parameters(items: dict[bytes, Item]) -> Parameters:
    """Return the parameters of the disk.

    Raises:
        BrokenImage: ``header-invalid`` where an item is missing or says what no VHDX can have, ``block-size-invalid``.
    """
    parameters = metadata.find_item(items, metadata.FILE_PARAMETERS)
    flags = number(parameters.raw[4:8])
    logical = _sector_size(metadata.find_item(items, metadata.LOGICAL_SECTOR_SIZE))
    return Parameters(_block_size(parameters), bool(flags & _LEAVE_BLOCK_ALLOCATED), bool(flags & _HAS_PARENT),
                      _disk_size(metadata.find_item(items, metadata.VIRTUAL_DISK_SIZE), logical),
                      guid_text(metadata.find_item(items, metadata.VIRTUAL_DISK_ID).raw), logical,
                      _sector_size(metadata.find_item(items, metadata.PHYSICAL_SECTOR_SIZE)))


def _block_size(item: Item) -> int:
    size = number(item.raw[:4])
    if not MIN_BLOCK <= size <= MAX_BLOCK or size & (size - 1):
        raise item.broken("block-size-invalid", f"the block size is {size} bytes, but it must be a power of two from"
                          f" {human_size(MIN_BLOCK)} to {human_size(MAX_BLOCK)}")
    return size


def _sector_size(item: Item) -> int:
    size = number(item.raw)
    if size not in SECTOR_SIZES:
        raise item.broken("header-invalid", f"the {item.name} is {size} bytes, but it must be 512 or 4096")
    return size


def _disk_size(item: Item, sector_size: int) -> int:
    size = number(item.raw)
    if size > MAX_DISK or size % sector_size:
        raise item.broken("header-invalid", f"the disk has {size} bytes, but a VHDX has whole sectors of {sector_size}"
                          f" bytes and at most {human_size(MAX_DISK)}")
    return size
