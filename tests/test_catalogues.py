"""Entries of image catalogues: valid by the schema of openstack-image-manager, and by what ORC's API takes."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import jsonschema
import pytest
import yaml
from caller import call, errors
from hypothesis import given
from hypothesis import strategies as st

from imgbuild.catalogues import NAMES, vocabulary
from imgbuild.yamltext import Said, written

SAMPLES = Path(__file__).parent.parent / "samples"
IMAGE = "debian-12-tiny.qcow2"
URL = "https://images.example.com/debian-12.qcow2"
SHA256 = "b2bf507d92805e7432381094c713fac9d41d36d7d50b21f14474a7dab0a9fc8e"
SCHEMA = os.environ.get("IMGBUILD_IMAGE_MANAGER_SCHEMA")


@pytest.fixture(autouse=True)
def _inside(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(SAMPLES / IMAGE, tmp_path)


def build(name, *words, cloud="openstack"):
    return call("build", IMAGE, "--cloud", cloud, "--as-catalogue", name, "--url", URL, *words)


def entry(name, *words):
    result = build(name, *words)
    assert (result.exit_code, result.stderr) == (0, "")
    return yaml.safe_load(result.stdout)


# What the API of ORC takes of an Image that it is to make: api/v1alpha1/image_types.go, read in November 2026.
TEXT = {"type": "string", "minLength": 1, "maxLength": 255}
BUS = {"enum": ["scsi", "virtio", "uml", "xen", "ide", "usb", "lxc"]}


def closed(**properties):
    required = [name for name, value in properties.items() if value.pop("needed", False)]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


ORC = closed(
    apiVersion={"const": "openstack.k-orc.cloud/v1alpha1", "needed": True}, kind={"const": "Image", "needed": True},
    metadata=closed(name={"type": "string", "pattern": "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"}) | {"needed": True},
    spec=closed(
        cloudCredentialsRef=closed(cloudName=TEXT | {"needed": True}, secretName=TEXT | {"needed": True})
        | {"needed": True},
        managementPolicy={"enum": ["managed", "unmanaged"]},
        resource=closed(
            name=TEXT | {"pattern": "^[^,]+$"}, protected={"type": "boolean"},
            tags={"type": "array", "items": TEXT, "maxItems": 64, "uniqueItems": True},
            visibility={"enum": ["public", "private", "shared", "community"]},
            properties=closed(
                architecture={"enum": ["x86_64", "aarch64", "ppc64", "s390x"]},
                hypervisorType={"enum": ["hyperv", "ironic", "lxc", "qemu", "uml", "vmware", "xen"]},
                minDiskGB={"type": "integer", "minimum": 1}, minMemoryMB={"type": "integer", "minimum": 1},
                hardware=closed(cdromBus=dict(BUS), diskBus=dict(BUS), scsiModel={"const": "virtio-scsi"},
                                vifModel={"enum": ["e1000", "e1000e", "ne2k_pci", "pcnet", "rtl8139", "virtio",
                                                   "vmxnet3"]},
                                rngModel=dict(TEXT), qemuGuestAgent={"type": "boolean"}),
                operatingSystem=closed(distro={"enum": ["arch", "centos", "debian", "fedora", "freebsd", "opensuse",
                                                        "rocky", "rhel", "sled", "ubuntu", "windows"]},
                                       version=dict(TEXT))),
            content=closed(
                containerFormat={"enum": ["ami", "ari", "aki", "bare", "ovf", "ova", "docker", "compressed"]},
                diskFormat={"enum": ["ami", "ari", "aki", "vhd", "vhdx", "vmdk", "raw", "qcow2", "vdi", "ploop",
                                     "iso"], "needed": True},
                download=closed(url={"type": "string", "format": "uri", "maxLength": 2048, "needed": True},
                                hash=closed(algorithm={"enum": ["md5", "sha1", "sha256", "sha512"], "needed": True},
                                            value={"type": "string", "pattern": "^[0-9a-f]+$", "needed": True}))
                | {"needed": True}) | {"needed": True}) | {"needed": True}) | {"needed": True})

CHOICES = [
    [], ["--min-ram", "512", "--tag", "a:b", "--visibility", "public", "--protected"],
    ["--set", "os_distro=arch", "--set", "hw_qemu_guest_agent=yes", "--set", "hw_rng_model=virtio"],
    ["--name", 'a "name", with: #signs ünd'], ["--set", "hypervisor_type=xen", "--set", "os_version=no"],
]


@pytest.mark.parametrize("words", CHOICES)
def test_orc_takes_it(words):
    made = entry("orc", *words)
    jsonschema.validate(made, ORC)
    resource = made["spec"]["resource"]
    assert resource["content"]["download"] == {"url": URL, "hash": {"algorithm": "sha256", "value": SHA256}}


@pytest.mark.skipif(SCHEMA is None and not os.environ.get("IMGBUILD_NO_SKIPS"),
                    reason="IMGBUILD_IMAGE_MANAGER_SCHEMA does not name etc/schema.yaml of openstack-image-manager")
@pytest.mark.parametrize("words", CHOICES)
def test_the_image_manager_takes_it(words, tmp_path):
    import yamale  # noqa: PLC0415 - for one test

    (tmp_path / "entry.yml").write_text(build("image-manager", "--login", "debian", *words).stdout, encoding="utf-8")
    yamale.validate(yamale.make_schema(SCHEMA), yamale.make_data(str(tmp_path / "entry.yml")))


def test_an_entry_says_what_the_request_says():
    image, = entry("image-manager", "--login", "debian", "--min-ram", "512", "--tag", "a:b")["images"]
    assert (image["min_disk"], image["min_ram"], image["tags"], image["format"]) == (2, 512, ["a:b"], "qcow2")
    assert image["versions"] == [{"version": "12.5", "url": URL, "checksum": f"sha256:{SHA256}"}]
    assert image["meta"]["os_version"] == "12"
    assert image["meta"]["os_purpose"] == "custom"


def test_what_nobody_said_is_marked():
    text = build("image-manager", "--login", "debian", "--set", "os_purpose=generic").stdout
    assert 'os_purpose: "generic"\n' in text
    assert 'uuid_validity: "none"  # nobody said: --set says otherwise\n' in text


def test_it_goes_into_a_file_whole():
    assert build("orc", "-o", "image.yaml").stdout == ""
    assert yaml.safe_load(Path("image.yaml").read_text())["kind"] == "Image"


WRONG = [  # words, exit status, message
    (["--as-catalogue", "glance", "--url", URL], 2, "no catalogue 'glance' (one of: image-manager, orc)"),
    (["--as-catalogue", "orc"], 2, "nobody knows where the file will be downloaded from (--url URL)"),
    (["--url", URL], 2, "--url and --login are for entries of a catalogue (add --as-catalogue NAME)"),
    (["--as-catalogue", "orc", "--url", URL, "--format", "json"], 2,
     "an entry of a catalogue is no report (leave out --format, --request-only and --script)"),
    (["--as-catalogue", "orc", "--url", URL, __file__], 2,
     "one address, but 2 images (build each image's entry by itself)"),
    (["--as-catalogue", "orc", "--url", "file:///disk"], 2,
     "--url 'file:///disk' is no address for orc (one of: http, https)"),
    (["--as-catalogue", "orc", "--url", URL, "--no-checksum"], 2,
     "an entry of orc has a checksum (leave out --no-checksum)"),
    (["--as-catalogue", "image-manager", "--url", URL], 2, "who logs in is not known from the image (--login NAME)"),
    (["--as-catalogue", "orc", "--url", URL, "--cloud", "huaweicloud"], 2,
     "orc is a catalogue of OpenStack, and the request is for huaweicloud (add --cloud openstack, or --cloud scs)"),
]


@pytest.mark.parametrize(("words", "status", "message"), WRONG)
def test_words_that_cannot_be(words, status, message):
    assert errors("build", IMAGE, "--cloud", "openstack", *words) == (status, message)


def test_a_system_that_the_catalogue_does_not_know_is_said():
    status, message = errors("build", IMAGE, "--cloud", "openstack", "--as-catalogue", "image-manager", "--url", URL,
                             "--login", "root", "--set", "os_distro=openeuler")
    assert status == 2
    assert message.startswith("os_distro 'openeuler' is none that the catalogue knows (--set os_distro= with one of: ")


@pytest.mark.parametrize("name", NAMES)
def test_a_vocabulary_holds_together(name):
    known = vocabulary(name)
    assert set(known.allowed) | set(known.mandatory) | set(known.neutral) <= set(known.properties)
    assert all(value in known.allowed.get(key, (value,)) for key, value in known.neutral.items())
    assert known.title
    assert known.url.startswith("https://")
    assert known.date


WORDS = {"yes", "no", "on", "off", "true", "false", "null", "y", "n"}


@given(st.dictionaries(st.from_regex("[a-z]{3,8}", fullmatch=True).filter(lambda key: key not in WORDS),
                       st.text() | st.lists(st.text()) | st.integers() | st.booleans(), min_size=1))
def test_what_is_written_reads_the_same(document):
    assert yaml.safe_load(written(document)) == document


def test_a_reason_stands_behind_its_value():
    assert written({"a": Said("b", "c"), "d": [], "e": {"f": None}}) == '---\na: "b"  # c\nd: []\ne:\n  f: null\n'
