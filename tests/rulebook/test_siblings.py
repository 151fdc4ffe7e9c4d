"""The clouds of which only rules on files are known: what each takes, at its boundaries."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from imgbuild.documents.inspection import Inside, Inspection
from imgbuild.errors import RuleBookError
from imgbuild.rulebook import packs, siblings
from imgbuild.rulebook.review import document_faults
from imgbuild.rulebook.siblings import read_siblings

GIB, MIB = 1 << 30, 1 << 20
KNOWN = {sibling.name: sibling for sibling in read_siblings()}


def image(format: str | None, size: int = 64 * MIB, disk: int | None = GIB, path: str = "disk.img",  # noqa: A002 - the field's name
          **container: str) -> Inspection:
    return Inspection(path=path, size=size, format=format, virtual_size=disk, container=container)


def fixed(disk: int, beyond: int = 512) -> Inspection:
    return image("vhd", disk + beyond, disk, disk_type="fixed")


def packed(format: str, *names: str) -> Inspection:  # noqa: A002 - as above
    entries = [{"name": name, "kind": "file", "size": MIB} for name in names]
    held = {"entries": [{"name": "./", "kind": "directory", "size": 0}, *entries]} if names else {}
    inner = Inside(name=None, size=MIB, format=format, container=held)
    return replace(image("gzip"), inside=(inner, *(Inside(name=name, size=MIB, format="raw") for name in names)))


@pytest.mark.parametrize(("cloud", "facts", "verdict"), [
    ("aws", image("vmdk", createType="streamOptimized"), True),
    ("aws", image("vmdk", createType="monolithicSparse"), False),
    ("aws", image("vmdk"), None), ("aws", image("qcow2"), False), ("aws", image("raw"), True),
    ("aws", image("vhd", disk_type="dynamic"), True), ("aws", image("vhd", disk_type="differencing"), False),
    ("azure", fixed(GIB), True), ("azure", fixed(GIB + 512), False), ("azure", fixed(GIB, 1024), False),
    ("azure", image("vhd", GIB + 512, GIB, disk_type="dynamic"), False), ("azure", image("vhdx"), False),
    ("azure", fixed(20 * MIB), True), ("azure", fixed(19 * MIB), False),
    ("azure", fixed(32767 * GIB), True), ("azure", fixed(32767 * GIB + MIB), False),
    ("azure", image("vhd", GIB + 512, None, disk_type="fixed"), None),
    ("gce", packed("tar", "disk.raw"), True), ("gce", packed("tar", "disk.img"), False),
    ("gce", packed("tar", "disk.raw", "notes.txt"), False), ("gce", packed("qcow2"), False),
    ("gce", image("gzip"), None), ("gce", image("raw"), False),
    ("alibaba", image("qcow2"), True), ("alibaba", image("vmdk"), False),
    ("tencent", image("vmdk"), True), ("tencent", image("vdi"), False),
    ("baidu", image("raw", disk=500 * GIB), True), ("baidu", image("raw", disk=500 * GIB + 1), False),
    ("baidu", image("raw", disk=None), None),
    ("ctyun", image("vhd"), True), ("ctyun", image("vhdx"), False),
    ("cloud.ru", image("qed"), True), ("cloud.ru", image("iso"), False),
    ("cloud.ru", image("vmdk", path="a-flat.vmdk"), False),
    ("cloud.ru", image("qcow2", 128 * GIB), True), ("cloud.ru", image("qcow2", 128 * GIB + 1), False),
    ("cloud.ru", image("zvhd2", 1024 * GIB), True), ("cloud.ru", image("zvhd2", 1024 * GIB + 1), False),
    ("tencent", image(None), None),
])
def test_a_file(cloud, facts, verdict):
    sibling = KNOWN[cloud]
    assert (not sibling.broken_by(facts)) == (verdict is not False)
    if verdict is not False:
        assert (not sibling.unseen_in(facts)) == verdict or verdict is None


def test_what_breaks_is_said_with_its_documents():
    (obstacle,) = KNOWN["tencent"].broken_by(image("vdi"))
    assert obstacle.message == "it takes RAW, VHD, QCOW2 and VMDK"
    assert [source.url for source in obstacle.sources] == ["https://cloud.tencent.com/document/api/213/15717"]


def test_every_document_has_address_and_date():
    assert len(KNOWN) == 8
    assert [fault for sibling in KNOWN.values() for document in sibling.sources.values()
            for fault in document_faults(document)] == []


@pytest.mark.parametrize(("text", "message"), [
    ('title = "A"\n', "Object missing required field `route`"),
    ('title = "A"\nroute = "R"\nsources = {}\nrule = [{ says = "x", sources = ["y"] }]\n', "there is no source 'y'"),
    ('title = "A"\nroute = "R"\nsources = {}\nrule = [{ says = "x", sources = [], sizes = 1 }]\n', "`sizes`"),
])
def test_a_broken_file_is_refused(tmp_path, monkeypatch, text, message):
    packs._read_toml.cache_clear()
    monkeypatch.setattr(siblings, "folder", lambda: str(tmp_path))
    (tmp_path / "siblings").mkdir()
    (tmp_path / "siblings" / "a.toml").write_text(text)
    with pytest.raises(RuleBookError, match=message):
        read_siblings()
    packs._read_toml.cache_clear()
