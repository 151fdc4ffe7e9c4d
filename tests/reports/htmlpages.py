"""Views to make pages of: a good image, hostile names everywhere, several images, very many findings, and more."""

from __future__ import annotations

import msgspec
from documents import BELOW, CUT, GIB, HOSTILE, IMAGE, MANIFEST, MIB, NEAR, REQUEST, RULES, findings

from imgbuild import reports
from imgbuild.documents.findings import Accepted
from imgbuild.documents.inspection import Content, Inside, Space, Usage
from imgbuild.documents.verification import Verification
from imgbuild.model import GuestCheck, Partition, Place, Volume
from imgbuild.reports.page import Page
from imgbuild.reports.views import FindingsView

GUEST = (
    GuestCheck(check="lin_fstab_uuid", status="fail", detail="fstab names another disk", files=("/etc/fstab",),
               places=(Place(path="/etc/fstab", line=4, text="/dev/sdb1 /data"),), cure="remove the line"),
    GuestCheck(check="lin_console", status="fail", detail="no serial console", files=(), advice=True),
    GuestCheck(check="lin_password", status="unknown", detail="the strength of a password is not seen", files=()),
    GuestCheck(check="lin_dhcp", status="pass", detail="DHCP by cloud-init", files=("/etc/cloud/cloud.cfg",)),
    GuestCheck(check="lin_vmware", status="not-applicable", detail="no tools", files=()),
)
SPACE = Space(piece=4 * MIB, stored=tuple([4 * MIB] * 100 + [MIB] * 50 + [0] * 340 + [None] * 22),
              file_systems=(Usage(partition=15, used=6 * MIB), Usage(volume="vg0/root", used=600 * MIB)))
CONTENT = Content(size=2 * GIB, sha256="digest of all", data_end=6 * MIB, data_sha256="digest of the data")
FULL = msgspec.structs.replace(IMAGE, guest=GUEST, space=SPACE, content=CONTENT)

NAMES = ("<script>document.title='hit'</script>", '"><img src=x onerror="document.title=\'hit\'">', "</style><b>hit",
         "</title><h1>hit", "a\u202eb\x00c\x1b[31m\ud800", "--><svg onload=document.title='hit'>", "x" * 5000,
         "' onmouseover='document.title=1", "javascript:alert(1)")
BAD = "".join(NAMES)


def hostile_image():
    """Return an image in which every name is an attack."""
    partitions = tuple(
        Partition(index=number, start=number * 128 * MIB, size=100 * MIB, type=name, name=name, filesystem=name,
                  uuid=name, label=name, mount=name) for number, name in enumerate(NAMES, 1))
    checks = (GuestCheck(check=BAD, status="fail", detail=BAD, files=(BAD,), cure=BAD,
                         places=(Place(path=BAD, line=1, text=BAD, says=BAD),)),)
    system = msgspec.structs.replace(IMAGE.os, name=BAD, version=BAD, release=BAD, kernels=(BAD,), source=BAD)
    return msgspec.structs.replace(
        FULL, path=BAD, partitions=partitions, guest=checks, os=system, container={BAD: BAD}, checksums={BAD: BAD},
        volumes=(Volume(kind=BAD, name=BAD, size=GIB, filesystem=BAD, label=BAD, mount=BAD),),
        firmware=msgspec.structs.replace(IMAGE.firmware, why=(BAD,)))


def hostile_manifest():
    request = msgspec.structs.replace(MANIFEST.request, body={BAD: BAD})
    derived = {BAD: msgspec.structs.replace(MANIFEST.derived["min_disk"], value=BAD, why=(BAD,), sources=(
        msgspec.structs.replace(BELOW.sources[0], url="javascript:alert(1)", title=BAD, reading=BAD),))}
    return msgspec.structs.replace(MANIFEST, image=IMAGE, derived=derived, request=request)


def many(count):
    return [msgspec.structs.replace(finding, fingerprint=f"{number:08x}", hint=f"Do {number % 40}.")
            for number in range(count) for finding in (BELOW, CUT, NEAR)][:count]


def second():
    return msgspec.structs.replace(FULL, path="other.raw", space=msgspec.UNSET, format="raw")


INSIDE = Inside(name="disk1.vmdk", offset=512, size=9 * MIB, format="vmdk", virtual_size=2 * GIB, os=IMAGE.os,
                partition_table="gpt", partitions=IMAGE.partitions, firmware=IMAGE.firmware, guest=GUEST)

VIEWS = {
    "good": {"found": (NEAR,), "images": (FULL,), "manifests": (MANIFEST,)},
    "full": {"found": (BELOW, CUT, NEAR), "images": (FULL,), "manifests": (MANIFEST,)},
    "nothing": {"found": (), "images": (), "name": "request.json", "request": REQUEST},
    "request": {"found": (BELOW, NEAR), "name": "request.json", "request": REQUEST},
    "unknown": {"found": (CUT,), "images": (msgspec.structs.replace(
        IMAGE, format=None, virtual_size=None, partitions=(), volumes=(), os=None, container={}),),
        "manifests": (None,)},
    "archive": {"found": (CUT,), "images": (msgspec.structs.replace(
        IMAGE, format="ova", virtual_size=None, partitions=(), volumes=(), os=None, inside=(
            INSIDE, msgspec.structs.replace(INSIDE, name=None, size=None))),), "manifests": (None,)},
    "several": {"found": (CUT, BELOW), "images": (FULL, second()), "manifests": (MANIFEST, MANIFEST)},
    "verified": {"found": (), "name": "manifest.json", "manifests": (MANIFEST,), "verification": True},
    "statement": {"found": (), "name": "disk.intoto.json", "verification": True},
    "accepted": {"found": (), "images": (FULL,), "manifests": (MANIFEST,), "accepted": True},
    "hostile": {"found": (HOSTILE, msgspec.structs.replace(BELOW, message=BAD, hint=BAD)),
                "images": (hostile_image(),), "manifests": (hostile_manifest(),)},
    "many": {"found": many(900), "images": (FULL,), "manifests": (MANIFEST,)},
}


def view_of(name):
    """Return the view of that name."""
    fields = dict(VIEWS[name])
    found = fields.pop("found")
    document = findings(*found)
    if fields.pop("accepted", False):
        document = msgspec.structs.replace(document, accepted=(Accepted(finding=BELOW, reason="agreed with ops"),))
    if fields.pop("verification", False):
        fields["verification"] = Verification(manifest="manifest.json", verified=not found, summary=document.summary,
                                              findings=found, next=("send the request",))
    status = int(any(finding.severity == "error" for finding in found))
    return FindingsView(findings=document, cloud="huaweicloud", status=status, rules=RULES, **fields)


def page_of(name):
    """Return the page of the view of that name."""
    return reports.render("html", view_of(name), Page())
