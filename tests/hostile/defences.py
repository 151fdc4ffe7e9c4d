"""For each class of attack the defence, where it stands, and the tests beside this set that show it."""

from __future__ import annotations

from typing import NamedTuple


class Defence(NamedTuple):
    """What is done, in which modules, and which tests show it on single structures."""

    words: str
    modules: tuple[str, ...]
    tests: tuple[str, ...]


DEFENCES = {
    "A1": Defence("the name is shown and never opened; with `--allow-external` a plain file of the image's own folder,"
                  " each once, of the format that is said", ("formats/qcow2/checks.py", "chain.py", "source.py"),
                  ("test_chain.py", "test_chain_qemu.py", "formats/test_qcow2_checks.py")),
    "A2": Defence("the bit, the extension and the autoclear bit are looked at; never opened",
                  ("formats/qcow2/checks.py",), ("formats/test_qcow2_checks.py",)),
    "A3": Defence("a disk that names other files is refused; with `--allow-external` plain files of the image's own"
                  " folder, and a parent only where its identity is the one that the delta was made over",
                  ("formats/vmdk/checks.py", "formats/vmdk/extents.py", "formats/parents.py", "chain.py"),
                  ("formats/test_vmdk_checks.py", "formats/test_vmdk_extents.py", "formats/test_differencing.py")),
    "A4": Defence("every format is asked, the claim and the name are compared with the content, the disk inside is"
                  " asked, too; qemu is told the format", ("detection.py", "qemu/disagreement.py"),
                  ("test_detection.py", "test_qemu_disagreement.py")),
    "A5": Defence("the first 64 KiB and the last 8 are asked by every format; two answers are an error",
                  ("detection.py", "formats/overlaps.py"), ("test_detection.py",)),
    "A6": Defence("both copies of a GPT with their checksums, ranges and overlaps of all partitions",
                  ("volumes/mbr.py", "volumes/gptcopy.py", "volumes/ranges.py"),
                  ("volumes/test_mbr.py", "volumes/test_gpt.py")),
    "A7": Defence("no table is larger than its file, and none is read as a whole that may be large",
                  ("formats/tables.py", "formats/qcow2/tables.py", "formats/vhd/table.py", "formats/vhdx/regions.py"),
                  ("formats/test_tables.py", "formats/test_qcow2_scan.py", "formats/test_vhdx_metadata.py")),
    "A8": Defence("each number is compared with its range before it is reckoned with; all reads go through one check",
                  ("readers.py", "formats/blocks.py"), ("test_readers.py", "fuzz/test_headers.py")),
    "A9": Defence("a block is never unpacked to more than its own size, a stream not beyond what is asked for, a"
                  " compressed file not beyond what its size allows",
                  ("formats/qcow2/disk.py", "formats/vmdk/grains.py", "formats/zvhd/stream.py",
                   "guests/initramfs/flow.py", "inside/streams.py", "inside/kept.py"),
                  ("formats/test_qcow2_disk.py", "formats/test_vmdk_grains.py", "formats/test_zvhd.py",
                   "inside/test_streams.py", "inside/test_kept.py")),
    "A10": Defence("nothing is allocated by the virtual size; the cloud's limits are rules",
                   ("formats/blocks.py", "checks/disk.py"), ("test_checks.py",)),
    "A11": Defence("sets of what was seen, budgets of steps, and tables that may not be one another",
                   ("volumes/mbr.py", "formats/qcow2/sharing.py", "formats/qcow2/owners.py", "chain.py",
                    "filesystems/tree.py"), ("volumes/test_mbr.py", "formats/test_qcow2_sharing.py",
                                             "formats/test_qcow2_owners.py", "test_chain.py")),
    "A12": Defence("the highest offset that the tables use is compared with the file's size",
                   ("formats/qcow2/scan.py", "formats/vmdk/scan.py", "formats/vhd/table.py", "formats/vhdx/bat.py",
                    "formats/vdi/checks.py"), ("formats/test_qcow2_scan.py", "formats/test_vmdk_checks.py",
                                               "formats/test_vhdx_bat.py")),
    "A13": Defence("links are resolved inside the guest by one resolver, only regular files are read, each up to a"
                   " limit", ("filesystems/tree.py", "guests/osrelease.py"),
                   ("filesystems/test_tree.py", "guests/test_osrelease.py", "guests/test_sshd.py")),
    "A14": Defence("an own reader with a budget of cells, keys and bytes", ("guests/windows/regf.py",),
                   ("guests/windows/test_hives.py",)),
    "A15": Defence("a child with limits on memory, processor time, wall time and open files; what it had said before"
                   " stays", ("sandbox/limits.py", "sandbox/child.py"), ("sandbox/test_child.py",)),
    "A16": Defence("qemu's programs get a descriptor and no name, no shell, a sandbox and limits",
                   ("qemu/process.py", "sandbox/program.py"),
                   ("test_qemu.py", "sandbox/test_confined_program.py", "test_no_shell.py")),
    "A17": Defence("an archive is read in place and never unpacked; names that lead elsewhere, and links in a package,"
                   " are errors; XML has no entities",
                   ("formats/tar.py", "formats/tarentries.py", "inside/archive.py", "inside/package.py"),
                   ("formats/test_tarentries.py", "inside/test_archive.py", "inside/test_package.py")),
    "A18": Defence("one descriptor for all, its identity before and after", ("source.py", "examination.py"),
                   ("test_source.py", "test_examination.py")),
    "A19": Defence("opened without blocking, looked at before it is read, regular files only", ("source.py",),
                   ("test_source.py",)),
    "A20": Defence("text out of an image is made safe for each format of report", ("reports/escape.py",),
                   ("reports/test_escape.py", "hostile/test_reports.py")),
    "A21": Defence("named, and no key is asked for", ("formats/luks.py", "formats/qcow2/checks.py"),
                   ("test_detection.py", "formats/test_qcow2_checks.py")),
    "A22": Defence("a reader of our own that refuses duplicates, depth, NaN and numbers without end",
                   ("jsontext.py", "jsontokens.py"), ("test_jsontext.py",)),
}


def table() -> str:
    """Return the classes with their defences as a Markdown table."""
    rows = [f"| {attack} | {defence.words} | {_code(defence.modules)} | {_code(defence.tests)} |"
            for attack, defence in DEFENCES.items()]
    return "\n".join(["| class | defence | in `imgbuild/` | further tests, in `tests/` |", "| --- | --- | --- | --- |",
                      *rows])


def _code(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)
