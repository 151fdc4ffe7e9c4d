"""Documents to draw: one image with a manifest and three findings, as pipelines make them."""

from __future__ import annotations

from imgbuild.documents.findings import ErrorCode, Evidence, Finding, Findings, Subject, Summary, Tally
from imgbuild.documents.inspection import Inspection
from imgbuild.documents.manifest import Derived, Expected, Manifest, Policy, Request, Route, RouteOption
from imgbuild.documents.rules import RuleEntry
from imgbuild.model import Firmware, OperatingSystem, Partition, Source, Volume

MIB = 1 << 20
GIB = 1 << 30

PAGE = Source(title="Creating Image Metadata", url="https://example.com/api", date="2026-01",
              reading="greater than the disk")
OTHER = Source(title="Image Attributes", url="https://example.com/attributes", date="2025-10")

DEBIAN = OperatingSystem(type="Linux", id="debian", version="12", release="12.5", name="Debian GNU/Linux 12 (bookworm)",
                         architecture="x86_64", bits=64, source="/usr/lib/os-release")
IMAGE = Inspection(
    path="disk.qcow2", size=654 * MIB, format="qcow2", virtual_size=2 * GIB,
    container={"version": 3, "cluster_bits": 16}, disk_format="qcow2", partition_table="gpt",
    checksums={"md5": "d41d8cd98f00b204e9800998ecf8427e"},
    partitions=(
        Partition(index=1, start=128 * MIB, size=1919 * MIB, type="root (x86-64)", filesystem="lvm2", uuid="ab-cd"),
        Partition(index=15, start=4 * MIB, size=124 * MIB, type="EFI system", name="ESP", filesystem="fat16",
                  mount="/boot/efi"),
    ),
    volumes=(Volume(kind="lvm", name="vg0/root", size=1918 * MIB, filesystem="ext4", label="root", mount="/"),),
    firmware=Firmware(bios=False, uefi=True, why=("the ESP has EFI/BOOT/BOOTX64.EFI",)),
    os=DEBIAN)

BODY = {"name": "disk", "min_disk": 10, "tags": ["a=b"], "protected": False}
MANIFEST = Manifest(
    cloud="huaweicloud", policy=Policy(min_disk="greater"), image=IMAGE,
    derived={"name": Derived(value="disk", why=("from the file name",)),
             "min_disk": Derived(value=10, why=("least for Linux", "the disk needs 3"), sources=(PAGE,)),
             "tags": Derived(value=["a=b"], why=("chosen",)),
             "protected": Derived(value=False, why=("not asked for",))},
    request=Request(operation="create-metadata", method="POST", path="/v2/images", body=BODY),
    route=Route(operation="upload-file", why=("654 MiB, limit 2 GB",),
                others=(RouteOption(operation="action", why_not=None),)),
    expected=Expected(created={}, active={}))

REQUEST = b'{\n  "name": "disk",\n  "min_disk": 1\n}\n'
BELOW = Finding(
    rule="ims-min-disk-below-disk", severity="error", group="request", cloud="huaweicloud",
    message="min_disk is 1 GiB: 3 or more is expected", hint="Write 3 or more.", value=1, sources=(PAGE, OTHER),
    subject=Subject(kind="request", path="request.json", pointer="/min_disk", line=3, column=15),
    errors=(ErrorCode(code="IMG.0055", status=400),))
CUT = Finding(
    rule="image-truncated", severity="warning", group="integrity", cloud=None,
    message="the file ends before its tables", hint="Copy it again.", sources=(OTHER,),
    subject=Subject(kind="image", path="disk.qcow2"),
    evidence=Evidence(field="l1_table_offset", offset=40, length=8, hex="0000000000030000"))
NEAR = Finding(
    rule="ims-os-version-near", severity="note", group="request", cloud="huaweicloud",
    message="another release is listed", hint="Nothing to do.", value="Debian 12.0", sources=(OTHER,),
    subject=Subject(kind="request", pointer="/__os_version"))


STRANGE = "a\x1b[31m\n::error::b ##vso[task] ]]>&amp;<script>alert(1)</script>|`*_[x](http://y)\u202e\ud800\x00%0A"
HOSTILE = Finding(
    rule="guest-fstab-kernel-name", severity="error", group="guest", cloud=None, message=STRANGE, hint="Repair it.",
    value=STRANGE, subject=Subject(kind="guest", path="disk.qcow2", guest_path=f"/etc/{STRANGE}", line=4),
    excerpt=STRANGE, sources=(PAGE,))
ENTRY = RuleEntry(id=BELOW.rule, severity="error", group="request", pack="huaweicloud", hint="Write 3 or more.",
                  title="min_disk is less than the disk", why="A smaller disk would not hold the image.",
                  sources=(PAGE, OTHER))
RULES = {BELOW.rule: ENTRY}


def findings(*found: Finding) -> Findings:
    counts = {severity: sum(f.severity == severity for f in found) for severity in ("error", "warning", "note")}
    tally = Tally(passed=7, failed=len(found), not_applicable=2)
    return Findings(summary=Summary(**counts), rules=tally, findings=found)
