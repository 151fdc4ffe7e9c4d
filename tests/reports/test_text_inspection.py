"""The facts of an image as people see them, to the character."""

from __future__ import annotations

import msgspec
import pytest
from documents import DEBIAN, GIB, IMAGE, MIB

from imgbuild import reports
from imgbuild.documents.inspection import Inspection
from imgbuild.documents.run import Run, Step, Witness
from imgbuild.model import Firmware, GuestCheck, OperatingSystem, Partition, Problem
from imgbuild.reports.page import Page
from imgbuild.reports.text_inspection import boot_words, headline, system_words
from imgbuild.reports.views import ImageView


def drawn(image, number=0, **page):
    data = reports.render("text", ImageView(image=image, number=number), Page(**{"width": 80, **page}))
    return data.decode()


def changed(**facts):
    return msgspec.structs.replace(IMAGE, **facts)


def test_a_good_image():
    assert drawn(IMAGE) == """\
disk.qcow2  qcow2 v3, 2 GiB disk in a file of 654 MiB
  md5     d41d8cd98f00b204e9800998ecf8427e
  file    clusters of 64 KiB
Disk      GPT, 2 partitions
  no  start    size      type           name  holds  used as
  15  4 MiB    124 MiB   EFI system     ESP   fat16  /boot/efi
  1   128 MiB  1.87 GiB  root (x86-64)  -     lvm2   -
  volume    kind  size      holds  label  used as
  vg0/root  lvm   1.87 GiB  ext4   root   /
Boot      BIOS no, UEFI yes, Secure Boot not seen
          - the ESP has EFI/BOOT/BOOTX64.EFI
System    Debian GNU/Linux 12.5 (bookworm), x86_64  /usr/lib/os-release
"""


def test_what_is_wrong_with_it_comes_with_its_bytes():
    problems = (Problem(code="backing-file", message="it needs 'base.qcow2'", field="backing_file_offset", offset=8,
                        length=8, hex="0000000000000088"), Problem(code="dirty", message="it was not closed"))
    assert """\
Problems  imgbuild check says what they mean
  backing-file  it needs 'base.qcow2'
                backing_file_offset at byte 8, 8 bytes: 0000000000000088
  dirty         it was not closed
""" in drawn(changed(problems=problems))


def test_what_is_no_image_has_neither_disk_nor_system():
    image = Inspection(path="notes.img", size=1, problems=(Problem(code="text", message="it is text"),))
    assert drawn(image) == """\
notes.img  not recognised, a file of 1 byte
Problems  imgbuild check says what they mean
  text  it is text
"""


def test_a_disk_that_was_not_looked_into():
    image = Inspection(path="d.raw", size=MIB, format="raw", virtual_size=MIB)
    assert drawn(image) == """\
d.raw  raw, 1 MiB disk
Disk      not looked into
"""


def test_a_disk_with_nothing_on_it():
    firmware = Firmware(bios=False, uefi=False, why=("no boot code in sector 0", "there is no EFI system partition"))
    image = Inspection(path="d.raw", size=MIB, format="raw", virtual_size=MIB, firmware=firmware)
    assert drawn(image) == """\
d.raw  raw, 1 MiB disk
Disk      no partition table, no file system
Boot      BIOS no, UEFI no, Secure Boot no
          - no boot code in sector 0
          - there is no EFI system partition
System    none found
"""


def test_a_table_without_a_partition_is_named():
    image = Inspection(path="d.raw", size=MIB, format="raw", virtual_size=MIB, partition_table="gpt",
                       firmware=Firmware(bios=False, uefi=False, why=("no boot code in sector 0",)))
    assert drawn(image).splitlines()[1] == "Disk      GPT, no partition"


def test_a_file_system_on_the_whole_disk_and_a_second_system():
    whole = Partition(index=0, start=0, size=MIB, filesystem="ext4", label="data")
    image = Inspection(path="d.raw", size=MIB, format="raw", virtual_size=MIB, partitions=(whole,), os=DEBIAN,
                       other_os=(OperatingSystem(type="Linux", id="alpine", version="3.20", release=None, name=None,
                                                 architecture=None, bits=None),))
    assert drawn(image).splitlines()[1:4] == ["Disk      no partition table, one file system",
                                              "  size   holds  label", "  1 MiB  ext4   data"]
    assert drawn(image).splitlines()[-1] == "  also    alpine 3.20"


def test_more_is_said_when_asked():
    assert "ab-cd" in drawn(IMAGE, verbose=True)
    assert "ab-cd" not in drawn(IMAGE)
    assert drawn(IMAGE, quiet=True) == "disk.qcow2  qcow2 v3, 2 GiB disk in a file of 654 MiB\n"


def test_the_second_of_several_stands_apart():
    assert drawn(IMAGE, number=1, quiet=True).startswith("\ndisk.qcow2")


def test_readiness_has_four_states():
    checks = (GuestCheck(check="a", status="pass", detail="DHCP by cloud-init", files=("/etc/cloud/cloud.cfg",)),
              GuestCheck(check="b", status="fail", detail="/data is elsewhere", files=("/etc/fstab",)),
              GuestCheck(check="c", status="unknown", detail="the password", files=()),
              GuestCheck(check="d", status="not-applicable", detail="no GRUB", files=()))
    assert drawn(changed(guest=checks), width=60).endswith("""\
Ready     1 ok, 1 not, 1 not seen
  no      /data is elsewhere
  unseen  the password
  ok      DHCP by cloud-init            /etc/cloud/cloud.cfg
""")
    assert drawn(changed(guest=checks), verbose=True).endswith("  -       no GRUB\n")


def test_facts_on_the_run():
    run = Run(seconds=0.914, hash_seconds=0.9, inspect_seconds=0.08, reads=41, bytes_read=MIB, allocated=600 * MIB,
              sandbox=("rlimits",), qemu=Witness(found="7.2.22", format="qcow2", virtual_size=2 * GIB))
    assert drawn(changed(run=run), width=110).endswith("""\
Run       0.91 s (hash 0.90, inspect 0.08), 1 MiB in 41 reads for facts, 600 MiB on disk, sandbox: rlimits
          qemu-img 7.2.22: qcow2, 2 GiB as here
""")
    refused = msgspec.structs.replace(run, hash_seconds=None, sandbox=(), allocated=None,
                                      qemu=Witness(found="7.2.22", error="signal SIGSEGV", failure="died"))
    assert drawn(changed(run=refused)).endswith("""\
Run       0.91 s (inspect 0.08), 1 MiB in 41 reads for facts, sandbox: none
          qemu-img 7.2.22: signal SIGSEGV
""")


def test_steps_of_the_run():
    steps = (Step(name="open", seconds=0.0001), Step(name="container", seconds=0.02, reads=17, bytes_read=2048),
             Step(name="hash", seconds=0.9))
    run = Run(seconds=0.914, steps=steps, hash_seconds=0.9, inspect_seconds=0.08, reads=41, bytes_read=MIB,
              allocated=None, sandbox=())
    assert drawn(changed(run=run), width=110).endswith("""\
Run       0.91 s (hash 0.90, inspect 0.08), 1 MiB in 41 reads for facts, sandbox: none
  step       seconds  reads  bytes
  open       0.000    -      -
  container  0.020    17     2 KiB
  hash       0.900    -      -
""")


HEADER = {"version": 3, "cluster_bits": 16, "backing_file_offset": 0, "features": {"incompatible": []}}


def test_what_is_all_in_the_file_is_called_safe_unless_a_reader_objects():
    good = changed(container=HEADER)
    assert """\
  file    clusters of 64 KiB
  safe    no backing file, no data file
""" in drawn(good)
    assert """\
  file    clusters of 64 KiB
Problems""" in drawn(msgspec.structs.replace(good, problems=(Problem(code="dirty", message="it was not closed"),)))
    assert """\
  beware  a backing file, no data file
""" in drawn(changed(container={**HEADER, "backing_file_offset": 8}))


def test_the_last_partition_can_grow_if_it_is_the_root():
    parts = (Partition(index=1, start=MIB, size=MIB, mount="/boot"),
             Partition(index=2, start=2 * MIB, size=MIB, mount="/"))
    assert "  /  (last: it can grow)\n" in drawn(changed(partitions=parts))
    first = (msgspec.structs.replace(parts[0], start=9 * MIB), parts[1])
    assert "grow" not in drawn(changed(partitions=first))


def test_a_long_name_stands_above_its_facts():
    assert drawn(changed(path="a/long/path/of/a/disk.qcow2"), width=60).splitlines()[:2] == [
        "a/long/path/of/a/disk.qcow2", "  qcow2 v3, 2 GiB disk in a file of 654 MiB"]


HEADLINES = [
    ({"format": "vhd", "container": {"disk_type": "fixed"}, "size": GIB + 512, "virtual_size": GIB},
     "fixed vhd, 1 GiB disk in a file of 1.00 GiB"),
    ({"format": "iso", "size": MIB, "virtual_size": MIB}, "iso, 1 MiB"),
    ({"format": "gzip", "size": MIB, "virtual_size": None}, "gzip, 1 MiB"),
    ({"format": "raw", "size": GIB, "virtual_size": GIB}, "raw, 1 GiB disk"),
    ({"format": None, "size": 0, "virtual_size": None}, "not recognised, a file of 0 bytes"),
]


@pytest.mark.parametrize(("facts", "words"), HEADLINES)
def test_format_and_sizes_in_a_few_words(facts, words):
    assert headline(changed(**{"container": {}, **facts})) == words


SYSTEMS = [
    ({"name": "Debian GNU/Linux 12 (bookworm)", "version": "12", "release": "12.5"},
     "Debian GNU/Linux 12.5 (bookworm), x86_64"),
    ({"name": "Rocky Linux 9.4 (Blue Onyx)", "version": "9.4", "release": "9.4"},
     "Rocky Linux 9.4 (Blue Onyx), x86_64"),
    ({"name": "CentOS Linux 7 (Core)", "version": "7", "release": "7.9.2009"}, "CentOS Linux 7.9.2009 (Core), x86_64"),
    ({"name": "Arch Linux", "version": None, "release": "2024"}, "Arch Linux 2024, x86_64"),
    ({"name": None, "id": "alpine", "version": "3.20", "release": None}, "alpine 3.20, x86_64"),
    ({"name": None, "id": None, "version": None, "release": None}, "a system without a name, x86_64"),
    ({"name": "Windows 10", "release": None, "edition": "Pro"}, "Windows 10, Pro, x86_64"),
]


@pytest.mark.parametrize(("facts", "words"), SYSTEMS)
def test_a_system_in_a_few_words(facts, words):
    assert system_words(msgspec.structs.replace(DEBIAN, **facts)) == words


def test_boot_modes_in_a_few_words():
    firmware = Firmware(bios=True, secure_boot=False)
    assert boot_words(changed(firmware=firmware)) == "BIOS yes, UEFI not seen, Secure Boot no"
