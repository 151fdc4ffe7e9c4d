"""inspect: an open source in, the facts of the image out.

The steps are detection, container, partition table, volumes and file systems, guests, boot modes, readiness. After each
one what is known so far is reported, so that a child that dies in a later step loses nothing. What cannot be followed
becomes a problem, and the next step goes on with what there is.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, cast

import msgspec

from imgbuild import chain, filesystems, inside, volumes
from imgbuild.detection import detect, detect_inside
from imgbuild.guests import firmware, layout, provisioning, readiness, systems
from imgbuild.guests.layout import Block
from imgbuild.model import Firmware, Partition, Problem, Volume
from imgbuild.opening import open_disk
from imgbuild.readers import BrokenImage, problem
from imgbuild.sizes import human_size
from imgbuild.state import USUAL, State, Wanted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from imgbuild.documents.inspection import Inspection, Look
    from imgbuild.filesystems import Identity
    from imgbuild.filesystems.base import FileSystem
    from imgbuild.folder import ImageFolder
    from imgbuild.formats.base import Container
    from imgbuild.inside import Part
    from imgbuild.readers import Reader
    from imgbuild.source import Source
    from imgbuild.volumes.base import PartitionTable


# qemu-img rounds a VHD up to its CHS geometry, the vendor's driver a ZVHD to a whole GiB: the backup GPT stays behind.
GROWN_BY_WRITERS = frozenset({"vhd", "zvhd", "zvhd2"})
USUAL_BLOCK = 512
"""Bytes of a logical block of a disk, where nothing says otherwise."""
READ_FORWARD_ONLY = frozenset({"zvhd"})


# What a block may hold that has no files of its own, or none without a key: other rules speak of these.
WITHOUT_FILES = frozenset({"swap", "lvm2", "jbd", "luks", "bitlocker"})

# A table with such a fault may have had partitions.
_LOSES_PARTITIONS = frozenset({"gpt-damaged", "gpt-partition-range"})

# What encrypts the root of a system, the type of such systems, and what people call it.
ENCRYPTED = {"bitlocker": ("Windows", "BitLocker"), "luks": ("Linux", "LUKS")}

# Where "not clean" means that the machine was cut off; on FAT the mark is often left by tools that copied files in.
JOURNALLED = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs"})


def look(source: Source, claim: str | None, report: Callable[[Look], None],
         folder: ImageFolder | None = None, content: Reader | Problem | None = None,
         wanted: Wanted = USUAL) -> None:
    """Inspect ``source`` step by step and report after each step.

    ``claim`` is the format that a person believes it has, ``folder`` where other files of the disk may be opened. All
    of them are opened before anything of the disk is read. ``content`` is the disk in a file whose content qemu
    reads, or says why it does not. Nothing is raised for what is wrong with the image.
    """
    state = State(source, claim, report, folder, wanted)
    state.content = content
    further = ((_ask_questions, wanted.questions), (_measure_space, wanted.space))
    _take(state, (*_STEPS, *(step for step, asked in further if asked)))
    changed = () if folder is None else folder.objections()
    if changed:
        state.object(*changed)
        state.report()


def _take(state: State, steps: Iterable[Callable[[State], bool]]) -> None:
    for step in steps:
        try:
            with state.step(_title(step)):
                goes_on = step(state)
        except BrokenImage as broken:
            state.fail(broken)
            goes_on = state.disk is not None
        state.report()
        if not goes_on:
            return


def _title(step: Callable[[State], bool]) -> str:
    """Return the name of a step: that of its function."""
    words = str(getattr(step, "func", step).__name__).strip("_").split("_")
    return "-".join(words[1:] or words)


def _read_container(state: State) -> bool:
    found = detect(state.source, path=state.source.path, claim=state.claim)
    state.object(*found.problems)
    state.learn(format=found.name)
    if found.format is None or found.format.open is None:
        return False
    if inside.is_opened(found.format.name, state.around):
        return _look_inside(state, found.format.name, found.format.open(state.source))
    state.container, state.parents = open_disk(state.source, found.format, state.folder, state.content)
    container = state.container
    state.object(*chain.objections(container, state.parents))
    state.learn(virtual_size=container.virtual_size, container=container.header)
    state.disk = container if container.readable and container.virtual_size else None
    return state.disk is not None


def _look_inside(state: State, name: str, named: Container) -> bool:
    """Learn what is inside of a file that is no image itself; ``named`` objects to that."""
    state.object(*named.problems)
    state.report()

    def learn(found: inside.Found) -> None:
        state.say(named.problems[0].code, found.message)
        state.object(*found.problems)
        state.learn(inside=found.images, container=found.container)
        state.report()

    examine = partial(_examine_part, state, name)
    inside.look(name, inside.Job(state.source, state.source.path, state.wanted.checksums, examine, learn,
                                 whole=state.whole))
    return False


def _examine_part(state: State, around: str, part: Part) -> Inspection:
    """Return the facts of an image inside of a file; of one that is not whole, those that its header gives."""
    asked = Wanted(initramfs=state.wanted.initramfs, questions=state.wanted.questions)
    inner = State(part, None, lambda _: None, None, asked)
    inner.around = around
    inner.whole = part.whole
    _take(inner, (*_STEPS, _ask_questions) if part.whole else _HEADER_STEPS)
    return inner.facts


def _read_raw_table(state: State) -> bool:
    """Read the partition table of a disk that is known at its ends alone."""
    return state.facts.format == "raw" and getattr(state.source, "ended", True) and _read_table(state)


def _read_table(state: State) -> bool:
    assert state.disk is not None  # noqa: S101 - the steps stop without a disk
    if state.facts.format != "iso":
        # The system area of an isohybrid holds a partition table, but the image is the ISO file system.
        state.table = volumes.read_table(state.disk)
        _look_for_an_image(state, state.disk)
    if state.table is not None:
        state.object(*(_placed(state, found) for found in state.table.problems if not _is_growth(state, found)))
        _compare_blocks(state, state.table)
        state.learn(partition_table=state.table.kind, partitions=state.table.partitions)
    return True


def _compare_blocks(state: State, table: PartitionTable) -> None:
    """Object to blocks that servers' disks do not have, unless the container says that the disk has them."""
    said = (state.facts.container or {}).get("logical_sector_size", USUAL_BLOCK)
    if table.sector_size not in {USUAL_BLOCK, said}:
        state.object(problem("gpt-large-blocks", f"the GPT counts in blocks of {table.sector_size} bytes: a disk with"
                                                 f" blocks of {USUAL_BLOCK} bytes shows no partition"))


def _placed(state: State, found: Problem) -> Problem:
    """Return a problem of the disk without its offset where a byte of the disk is not that byte of the file."""
    return found if state.facts.format == "raw" else msgspec.structs.replace(found, offset=None)


def _look_for_an_image(state: State, disk: Reader) -> None:
    if state.facts.format != "raw":
        state.object(*detect_inside(disk, to_its_end=state.facts.format not in READ_FORWARD_ONLY))


def _is_growth(state: State, found: Problem) -> bool:
    """Say whether the backup GPT is off the end only because the container's writer rounded the disk up."""
    return found.code == "gpt-backup-not-at-end" and state.facts.format in GROWN_BY_WRITERS


def _read_filesystems(state: State) -> bool:
    assert state.disk is not None  # noqa: S101 - as above
    whole = Partition(index=0, start=0, size=state.disk.size)
    partitions = state.table.partitions if state.table is not None else (whole,)
    state.blocks = [_partition_block(state, entry) for entry in partitions]
    if state.table is None and state.blocks and state.blocks[0].identity is None:
        if not state.failed:
            state.object(_nothing_inside(state.disk))
        state.blocks = []
    elif state.table is not None and not partitions and not _LOSES_PARTITIONS & {p.code for p in state.table.problems}:
        state.object(problem("nothing-inside", f"the {state.table.kind.upper()} of these {human_size(state.disk.size)}"
                                               " has no partition"))
    physical = [block.reader for block in state.blocks if block.identity is not None and block.identity.kind == "lvm2"]
    if physical:
        from imgbuild.volumes import lvm  # noqa: PLC0415 - most disks have none

        logical, problems = lvm.open_volumes(physical)
        state.object(*problems)
        state.blocks += [_volume_block(state, volume.kind, volume.name, volume.reader) for volume in logical]
    _learn_blocks(state, state.blocks)
    state.opened = True
    return True


def _partition_block(state: State, entry: Partition) -> Block:
    """Return the block of a partition; of one past the end (the table's reader has objected to that) what is left."""
    assert state.disk is not None  # noqa: S101 - as above
    reader = volumes.open_partition(state.disk, entry)
    where = f"partition {entry.index}" if entry.index else "the whole disk"
    identity = _identify(state, reader, where, promised=entry.size)
    attributes = state.table.attributes.get(entry.index, 0) if state.table is not None else 0
    return Block(reader=reader, identity=identity, partition=_named(entry, identity), attributes=attributes)


def _volume_block(state: State, kind: str, name: str, reader: Reader) -> Block:
    identity = _identify(state, reader, f"volume {name!r}", promised=reader.size)
    volume = _named(Volume(kind=kind, name=name, size=reader.size), identity)
    return Block(reader=reader, identity=identity, volume=volume)


def _identify(state: State, reader: Reader, where: str, promised: int) -> Identity | None:
    """Return what is in a block, and object to a file system larger than the ``promised`` bytes of its place."""
    try:
        identity = filesystems.identify(reader)
    except BrokenImage as broken:
        state.fail(broken)
        return None
    if identity is not None and not identity.readable and identity.kind not in WITHOUT_FILES:
        state.object(problem("filesystem-unreadable", f"{where} holds {identity.kind}, for which there is no reader:"
                                                      " what is on it was not looked at"))
    if identity is not None and identity.clean is False and identity.kind in JOURNALLED:
        state.object(problem("filesystem-not-clean", f"the {identity.kind} file system of {where} was not unmounted, or"
                                                     " has errors: what its journal holds was not looked at"))
    if identity is not None and identity.clean is False and identity.kind == "ntfs":
        state.object(problem("ntfs-dirty", f"the NTFS volume of {where} is marked dirty: Windows was not shut down,"
                                           " or is to check it at its next start"))
    # The reader of ISO files has compared the volume's size with the file's already.
    if identity is not None and state.facts.format != "iso" and (identity.size or 0) > promised:
        sizes = f"{human_size(identity.size or 0)}, but there is room for {human_size(promised)} only"
        state.object(problem("filesystem-truncated", f"the {identity.kind} file system of {where} is {sizes}"))
    return identity


def _named(entry: Any, identity: Identity | None) -> Any:  # noqa: ANN401 - a Partition or a Volume, given back as such
    if identity is None:
        return entry
    return msgspec.structs.replace(entry, filesystem=identity.kind, uuid=identity.uuid, label=identity.label)


def _nothing_inside(disk: Reader) -> Problem:
    return problem("nothing-inside", f"no partition table and no file system is known in these {human_size(disk.size)}")


def _learn_blocks(state: State, blocks: Iterable[Block]) -> None:
    found = list(blocks)
    seen = {block.partition.index: block.partition for block in found if block.partition is not None}
    listed = state.table.partitions if state.table is not None else tuple(seen.values())
    state.learn(partitions=tuple(seen.get(entry.index, entry) for entry in listed),
                volumes=tuple(block.volume for block in found if block.volume is not None))


def _read_guests(state: State) -> bool:
    if state.facts.format == "iso":
        _read_medium(state)
        return True
    joined = layout.assemble(state.blocks)
    state.object(*joined.problems)
    state.blocks = list(joined.blocks)
    _learn_blocks(state, state.blocks)
    objections: list[Problem] = []
    found = systems.name(joined, objections)
    state.object(*objections)
    if found:
        state.guest = found[0][0]
        state.learn(os=found[0][1], other_os=tuple(system for _, system in found[1:]))
    return True


def _read_medium(state: State) -> None:
    """Learn which system the disc installs: what is on it is no guest, so nobody asks whether it will come up."""
    from imgbuild.guests import media  # noqa: PLC0415 - the tables are for discs alone

    block = next((block for block in state.blocks if block.identity is not None), None)
    medium = media.examine(state.facts.container, lambda: _open_tree(block))
    facts = {"medium": medium.kind} | ({"images": list(medium.images)} if medium.images else {})
    state.learn(os=medium.system, container={**state.facts.container, **facts})


def _open_tree(block: Block | None) -> FileSystem | None:
    if block is None or block.identity is None or not block.identity.readable:
        return None
    return filesystems.open_filesystem(block.reader, block.identity.kind)


def _read_firmware(state: State) -> bool:
    assert state.disk is not None  # noqa: S101 - as above
    system = state.facts.os
    modes = firmware.boot_modes(state.disk, state.table, state.blocks, container=state.facts.container,
                                architecture=system.architecture if system is not None else None)
    state.object(*(objection for block in state.blocks for objection in block.problems))
    state.learn(firmware=_as_firmware_sees(state, modes))
    return True


def _as_firmware_sees(state: State, modes: Firmware) -> Firmware:
    """Return the boot modes, UEFI left open where a GPT has no protective MBR: not all firmware takes such a table."""
    if not modes.uefi or not any(known.code == "gpt-protective-mbr-missing" for known in state.facts.problems):
        return modes
    return msgspec.structs.replace(modes, uefi=None, why=(*modes.why, "the GPT has no protective MBR"))


def _read_readiness(state: State) -> bool:
    if state.guest is not None and state.facts.os is not None:
        state.view = readiness.View(state.guest, state.facts.os, state.blocks, state.facts.firmware,
                                    state.wanted.initramfs)
        state.learn(guest=readiness.examine(state.view))
        state.learn(os=provisioning.complete(state.facts.os, state.view))
    elif state.guest is None:
        kinds = [block.identity.kind for block in state.blocks if block.identity is not None]
        encrypted = next((kind for kind in kinds if kind in ENCRYPTED), None)
        if encrypted is not None:
            os_type, title = ENCRYPTED[encrypted]
            state.learn(guest=readiness.unseen(os_type, f"the volume is encrypted ({title})"))
    return True


def _ask_questions(state: State) -> bool:
    """Answer a person's own questions; each is reported at once, for their patterns can take all the time there is."""
    if state.view is not None:
        from imgbuild.guests import assertions  # noqa: PLC0415 - for those who ask

        for fact in assertions.answer(state.view, state.wanted.questions):
            state.learn(guest=(*state.facts.guest, fact))
            state.report()
    return True


def _measure_space(state: State) -> bool:
    """Learn where the disk has data; it comes last, so that a table without end costs nothing but the drawing."""
    assert state.container is not None  # noqa: S101 - the steps stop without one
    from imgbuild import space  # noqa: PLC0415 - for those who ask

    state.learn(space=space.measure(state.container, cast("Source", state.source), state.blocks))
    return True


_HEADER_STEPS = (_read_container, _read_raw_table)
_STEPS = (_read_container, _read_table, _read_filesystems, _read_guests, _read_firmware, _read_readiness)
