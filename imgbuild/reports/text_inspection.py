"""The facts of one image for a person: name and format, checksums, problems, disk, boot, system."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.reports.page import Word, counted, flat
from imgbuild.reports.text_container import container_words, format_words
from imgbuild.sizes import human_size

if TYPE_CHECKING:
    from imgbuild.model import GuestCheck, Inspection, OperatingSystem, Problem, Run
    from imgbuild.reports.page import Page

_TABLES = {"gpt": "GPT", "mbr": "MBR"}
_YES_NO = {True: "yes", False: "no", None: "not seen"}
_MARKS = {"pass": Word("ok", "good"), "fail": Word("FAIL", "error"), "unknown": Word("unseen", "warning"),
          "not-applicable": Word("-", "faint")}


def write(page: Page, image: Inspection) -> None:
    """Write the facts of ``image``."""
    page.line(Word(image.path, "title"), headline(image))
    if page.quiet:
        return
    for name, digest in (image.checksums or {}).items():
        page.fact(name, digest)
    words = container_words(image)
    if words:
        page.fact("file", words)
    _write_problems(page, image.problems)
    _write_disk(page, image)
    if image.virtual_size is not None:
        _write_boot(page, image)
        _write_systems(page, image)
    if image.guest:
        _write_guest(page, image.guest)
    if image.run:
        _write_run(page, image, image.run)


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
    """Return a system in a few words: name, point release, architecture."""
    name = system.name or flat((system.id, system.version), " ") or "a system without a name"
    version, release = system.version or "", system.release or ""
    if release not in name:
        exact = version and release.startswith(version) and version in name
        name = name.replace(version, release, 1) if exact else f"{name} {release}"
    return flat((name, system.edition, system.architecture))


def boot_words(image: Inspection) -> str:
    """Return how the disk boots: ``BIOS yes, UEFI no, Secure Boot not seen``."""
    firmware = image.firmware
    modes = (("BIOS", firmware.bios), ("UEFI", firmware.uefi), ("Secure Boot", firmware.secure_boot))
    return flat(f"{name} {_YES_NO[answer]}" for name, answer in modes)


def _write_problems(page: Page, problems: tuple[Problem, ...]) -> None:
    if not problems:
        return
    page.section("Problems", "imgbuild check says what they mean")
    width = max(len(problem.code) for problem in problems) + 2
    for problem in problems:
        page.fact(problem.code, problem.message, *_evidence(problem), width=width)


def _evidence(problem: Problem) -> tuple[str, ...]:
    where = flat((problem.field, None if problem.offset is None else f"at byte {problem.offset}"), " ")
    if not where:
        return ()
    size = None if problem.length is None else counted(problem.length, "byte")
    return (flat((flat((where, size)), problem.hex), ": "),)


def _write_disk(page: Page, image: Inspection) -> None:
    if not image.partitions and not image.volumes:
        if image.virtual_size is not None and image.format != "iso":
            page.section("Disk", "no partition table, no file system")
        return
    page.section("Disk", _table_words(image))
    rows = [[str(part.index or "-"), human_size(part.start) if part.start else "-", human_size(part.size),
             part.type or part.type_id or "-", part.name or "-", part.filesystem or "-", part.label or "-",
             part.mount or "-", *([part.uuid or "-"] if page.verbose else [])]
            for part in sorted(image.partitions, key=lambda part: part.start)]
    head = ["no", "start", "size", "type", "name", "holds", "label", "used as", *(["uuid"] if page.verbose else [])]
    page.table([head, *rows], heading=True)
    if image.volumes:
        volumes = [[volume.name, volume.kind, human_size(volume.size), volume.filesystem or "-", volume.label or "-",
                    volume.mount or "-", *([volume.uuid or "-"] if page.verbose else [])] for volume in image.volumes]
        page.table([["volume", "kind", "size", "holds", *head[6:]], *volumes], heading=True)


def _table_words(image: Inspection) -> str:
    if image.partition_table is None:
        return "no partition table, one file system"
    return f"{_TABLES[image.partition_table]}, {counted(len(image.partitions), 'partition')}"


def _write_boot(page: Page, image: Inspection) -> None:
    page.section("Boot", boot_words(image))
    for reason in image.firmware.why:
        page.fact("", reason)


def _write_systems(page: Page, image: Inspection) -> None:
    if image.os is None:
        page.section("System", "none found")
        return
    source = f"({image.os.source})" if image.os.source else ""
    page.section("System", flat((system_words(image.os), source), "  "))
    for other in image.other_os:
        page.fact("also", flat((system_words(other), other.source and f"({other.source})"), "  "))


def _write_guest(page: Page, checks: tuple[GuestCheck, ...]) -> None:
    page.section("Ready")
    page.table([[_MARKS[check.status], check.detail, flat(check.files)] for check in checks])


def _write_run(page: Page, image: Inspection, run: Run) -> None:
    hashed = None if run.hash_seconds is None else f"hash {run.hash_seconds:.2f}"
    seconds = f"{run.seconds:.2f} s ({flat((hashed, f'inspect {run.inspect_seconds:.2f}'))})"
    read = f"{human_size(run.bytes_read)} in {counted(run.reads, 'read')} for facts"
    space = None if run.allocated is None else f"{human_size(run.allocated)} on disk"
    sandbox = f"sandbox: {flat(run.sandbox, ' ') or 'none'}"
    page.section("Run", flat((seconds, read, space, sandbox)))
    if run.qemu is not None and run.qemu.found:
        size = "" if run.qemu.virtual_size is None else f", {human_size(run.qemu.virtual_size)}"
        said = run.qemu.error or f"{run.qemu.format}{size}{_agreement(image, run)}"
        page.fact("", f"qemu-img {run.qemu.found}: {said}")


def _agreement(image: Inspection, run: Run) -> str:
    return " as here" if run.qemu is not None and run.qemu.virtual_size == image.virtual_size else ""
