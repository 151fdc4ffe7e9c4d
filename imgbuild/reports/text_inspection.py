"""The facts of one image for a person: name and format, checksums, problems, disk, boot, system."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.inside.views import image_of
from imgbuild.reports import text_readiness
from imgbuild.reports.page import Word, counted, flat
from imgbuild.reports.sheet import INDENT, LABEL
from imgbuild.reports.text_container import boot_answers, container_words, content_words, format_words, safety_words
from imgbuild.reports.text_evidence import evidence_words
from imgbuild.sizes import human_size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgbuild.documents.inspection import Inside, Inspection
    from imgbuild.documents.run import Run, Step
    from imgbuild.model import OperatingSystem, Partition, Problem, Volume
    from imgbuild.reports.sheet import Sheet

_TABLES = {"gpt": "GPT", "mbr": "MBR"}
_YES_NO = {True: "yes", False: "no", None: "not seen"}


def write(sheet: Sheet, image: Inspection) -> None:
    """Write the facts of ``image``."""
    if sheet.page.quiet:
        sheet.line(Word(image.path, "title"), headline(image))
        return
    sheet.head(image.path, headline(image))
    write_digests(sheet, image)
    _write_container(sheet, image)
    _write_problems(sheet, image.problems)
    if image.virtual_size is not None:
        _write_content(sheet, image)
    text_readiness.write(sheet, image.guest)
    for inside in image.inside or ():
        _write_inside(sheet, inside)
    write_run(sheet, image)


def write_digests(sheet: Sheet, image: Inspection) -> None:
    """Write the checksums by their names, and say of which the file was not read; then those of the whole disk."""
    cached = image.run.cached if image.run else ()
    for name, digest in (image.checksums or {}).items():
        sheet.fact(name, f"{digest} (from the cache)" if name in cached else digest)
    for name, digest, words in content_words(image):
        sheet.fact(name, digest, words)


def _write_inside(sheet: Sheet, inside: Inside) -> None:
    """Write the facts of what is inside of a compressed file or an archive, as far as they are known."""
    image = image_of(inside)
    known = headline(image) if inside.size is not None else f"{format_words(image)}, {_size_of_disk(image)}"
    sheet.section("Inside", flat((inside.name, known)))
    write_digests(sheet, image)
    _write_container(sheet, image)
    if image.virtual_size is not None and (image.partitions or image.volumes):
        _write_content(sheet, image)
    text_readiness.write(sheet, image.guest)


def _size_of_disk(image: Inspection) -> str:
    return "size not known" if image.virtual_size is None else f"{human_size(image.virtual_size)} disk"


def headline(image: Inspection) -> str:
    """Return format, disk and file size in a few words: ``qcow2 v3, 2 GiB disk in a 654 MiB file``."""
    size = human_size(image.size)
    if image.format is None:
        return f"not recognised, a file of {size}"
    if image.virtual_size is None or image.format == "iso":
        return f"{format_words(image)}, {size}"
    if image.virtual_size == image.size:
        return f"{format_words(image)}, {size} disk"
    return f"{format_words(image)}, {human_size(image.virtual_size)} disk in a file of {size}"


def system_words(system: OperatingSystem) -> str:
    """Return a system in a few words: name, point release, architecture, the kernel that boots."""
    name = system.name or flat((system.id, system.version), " ") or "a system without a name"
    version, release = system.version or "", system.release or ""
    if release not in name:
        exact = version and release.startswith(version) and version in name
        name = name.replace(version, release, 1) if exact else f"{name} {release}"
    edition = system.edition if system.edition and system.edition not in name else None
    kernel = f"kernel {system.kernels[0]}" if system.kernels else None
    return flat((name, edition, system.architecture, kernel))


def boot_words(image: Inspection) -> str:
    """Return how the disk boots: ``BIOS yes, UEFI no, Secure Boot no``."""
    return flat(f"{name} {_YES_NO[answer]}" for name, answer in boot_answers(image))


def _write_container(sheet: Sheet, image: Inspection) -> None:
    words, (safe, answers) = container_words(image), safety_words(image)
    if words:
        sheet.fact("file", words)
    if answers and not (safe and image.problems):  # where a reader objects, the header's word is not enough
        sheet.fact("safe" if safe else Word("beware", "warning"), answers)


def _write_problems(sheet: Sheet, problems: tuple[Problem, ...]) -> None:
    if not problems:
        return
    sheet.section("Problems", "imgbuild check says what they mean")
    width = max(len(problem.code) for problem in problems) + 2
    for problem in problems:
        sheet.fact(Word(problem.code, "title"), problem.message, *evidence_words(problem), width=width)


def _write_content(sheet: Sheet, image: Inspection) -> None:
    if not (image.partitions or image.volumes or image.firmware.why):  # there is a word on booting for any disk
        sheet.section("Disk", "not looked into")
        return
    _write_disk(sheet, image)
    _write_boot(sheet, image)
    _write_systems(sheet, image)


def _write_disk(sheet: Sheet, image: Inspection) -> None:
    if image.partitions or image.volumes:
        sheet.section("Disk", _table_words(image))
        sheet.table([["no", "start", "size", "type", "name", "holds", "label", "used as", "uuid"],
                     *_partition_rows(image, sheet)], heading=True)
    elif image.format != "iso":
        missing = "file system" if image.partition_table is None else "partition"
        sheet.section("Disk", f"{_table_name(image)}, no {missing}")
    if image.volumes:
        rows = [[volume.name, volume.kind, human_size(volume.size), volume.filesystem or "-", volume.label or "-",
                 volume.mount or "-", _uuid(volume, sheet)] for volume in image.volumes]
        sheet.table([["volume", "kind", "size", "holds", "label", "used as", "uuid"], *rows], heading=True)


def _partition_rows(image: Inspection, sheet: Sheet) -> Iterator[list[str]]:
    parts = sorted(image.partitions, key=lambda part: part.start)
    for part in parts:
        used = "/  (last: it can grow)" if part.mount == "/" and part.index and part is parts[-1] else part.mount
        yield [str(part.index or "-"), human_size(part.start) if part.start else "-", human_size(part.size),
               part.type or part.type_id or "-", part.name or "-", part.filesystem or "-", part.label or "-",
               used or "-", _uuid(part, sheet)]


def _uuid(part: Partition | Volume, sheet: Sheet) -> str:
    return (part.uuid or "-") if sheet.page.verbose else "-"


def _table_words(image: Inspection) -> str:
    count = "one file system" if image.partition_table is None else counted(len(image.partitions), "partition")
    return f"{_table_name(image)}, {count}"


def _table_name(image: Inspection) -> str:
    return "no partition table" if image.partition_table is None else _TABLES[image.partition_table]


def _write_boot(sheet: Sheet, image: Inspection) -> None:
    sheet.section("Boot", boot_words(image))
    for reason in image.firmware.why:
        sheet.fact("-", reason, indent=INDENT + LABEL, width=2)


def _write_systems(sheet: Sheet, image: Inspection) -> None:
    if image.os is None:
        sheet.section("System", "none found")
        return
    sheet.section("System", system_words(image.os), Word(image.os.source or "", "faint"))
    for other in image.other_os:
        sheet.fact("also", flat((system_words(other), other.source), "  "))


def write_run(sheet: Sheet, image: Inspection) -> None:
    """Write the facts on the run, where they are asked for."""
    if not image.run:
        return
    run = image.run
    hashed = None if run.hash_seconds is None else f"hash {run.hash_seconds:.2f}"
    seconds = f"{run.seconds:.2f} s ({flat((hashed, f'inspect {run.inspect_seconds:.2f}'))})"
    read = f"{human_size(run.bytes_read)} in {counted(run.reads, 'read')} for facts"
    space = None if run.allocated is None else f"{human_size(run.allocated)} on disk"
    sandbox = f"sandbox: {flat(run.sandbox, ' ') or 'none'}"
    sheet.section("Run", flat((seconds, read, space, sandbox)))
    if run.qemu is not None and run.qemu.found:
        size = "" if run.qemu.virtual_size is None else f", {human_size(run.qemu.virtual_size)}"
        said = run.qemu.error or f"{run.qemu.format}{size}{_agreement(image, run)}"
        probed = None if run.qemu.probed is None else f"{run.qemu.probed} when it is not told"
        sheet.fact("", f"qemu-img {run.qemu.found}: {flat((said, probed))}")
    if run.pycdlib and run.pycdlib.found:
        sheet.fact("", f"pycdlib {run.pycdlib.found}: {run.pycdlib.error or 'answered'}")
    if run.steps:
        sheet.table([["step", "seconds", "reads", "bytes"], *map(_step_row, run.steps)], heading=True)


def _step_row(step: Step) -> list[str]:
    return [step.name, f"{step.seconds:.3f}", str(step.reads or "-"),
            human_size(step.bytes_read) if step.bytes_read else "-"]


def _agreement(image: Inspection, run: Run) -> str:
    return " as here" if run.qemu is not None and run.qemu.virtual_size == image.virtual_size else ""
