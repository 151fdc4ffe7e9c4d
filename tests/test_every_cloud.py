"""Promise 3 on every cloud: what ``build`` writes for an image lints without objection, for each call that takes it.

Each image is inspected once and built for all clouds. The samples of the documents lint as the documents say.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

import imgbuild
from imgbuild import jsontext, linting, rulebook
from imgbuild.checks import Context
from imgbuild.choices import Choices
from imgbuild.derivation import derive
from imgbuild.documents.inspection import Inspection
from imgbuild.model import OperatingSystem
from imgbuild.request import build_request, choose_route
from imgbuild.settings import Settings
from imgbuild.sizes import GIB

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgbuild.documents.findings import Finding
    from imgbuild.documents.manifest import Request
    from imgbuild.profiles import Operation

SAMPLES = Path(__file__).parent.parent / "samples"
CLOUDS = rulebook.clouds()
OF_THE_SERVICE = tuple(cloud for cloud in CLOUDS if "huaweicloud" in rulebook.load_profile(cloud).chain)
IMAGES = ("debian-12-tiny.qcow2", "debian-12.11-netinst-tiny.iso", "data-disk.vhd", "overlay.qcow2",
          "zvhd/tiny-gpt-uefi-ext4.zvhd", "zvhd/sparse-zstd.zvhd2")
LINUX = OperatingSystem(type="Linux", id="debian", version="12", release="12.5", name="Debian GNU/Linux 12 (bookworm)",
                        architecture="x86_64", bits=64)
SYSTEMS = {
    "Debian 12": LINUX,
    "Ubuntu 22.04": msgspec.structs.replace(LINUX, id="ubuntu", version="22.04", release="22.04.4", name="Ubuntu"),
    "Rocky 9": msgspec.structs.replace(LINUX, id="rocky", version="9.4", release="9.4", name="Rocky Linux 9.4"),
    "Scientific 7": msgspec.structs.replace(LINUX, id="rhel", version="7.9", release="7.9", name="Scientific Linux"),
    "openEuler on Arm": msgspec.structs.replace(LINUX, id="openEuler", version="20.03", release=None,
                                                name="openEuler 20.03 (LTS)", architecture="aarch64"),
    "an unlisted one": msgspec.structs.replace(LINUX, id="guix", version="1.4", release=None, name="Guix System"),
    "an unlisted one of 32 bit": msgspec.structs.replace(LINUX, id="guix", version="1.4", release=None,
                                                         name="Guix System", architecture="x86", bits=32),
    "Windows 2019": msgspec.structs.replace(LINUX, type="Windows", id="windows", version="2019", release=None,
                                            edition="ServerStandard", name="Windows Server 2019 Standard"),
    "Windows XP": msgspec.structs.replace(LINUX, type="Windows", id="windows", version="XP", release=None,
                                          edition="Professional", name="Windows XP", architecture="x86", bits=32),
}


@cache
def book(cloud: str) -> rulebook.RuleBook:
    return rulebook.load(cloud)


@cache
def inspected(name: str) -> Inspection:
    return imgbuild.inspect(str(SAMPLES / name), Settings(checksums=None))


def on(cloud: str, image: Inspection) -> Inspection:
    """Return the image with the cloud's word for its format."""
    return msgspec.structs.replace(image, disk_format=book(cloud).profile.disk_formats.get(image.format or ""))


def takes(cloud: str, operation: Operation, image: Inspection) -> bool:
    """Say whether this call, or one that follows it, can carry the file."""
    profile = book(cloud).profile
    route = choose_route(image, operation, profile)
    return route.operation in {operation.id, *operation.next_steps}


def built(cloud: str, image: Inspection) -> Iterator[Request]:
    """Yield the request of each call of the cloud that takes the image, with a policy as the pages have it."""
    profile = book(cloud).profile
    for operation in profile.operations.values():
        if takes(cloud, operation, image):
            address = f"images:image.{image.format}" if "image_url" in operation.fields else None
            policy = profile.min_disk_of(operation.id).policy
            yield build_request(derive(image, Choices(address=address), book(cloud), policy, operation), operation)


def objections(cloud: str, image: Inspection, request: Request) -> list[Finding]:
    context = Context(operation=request.operation, body=request.body, image=image, path=request.path,
                      request_path=image.path)
    return [finding for finding in linting.lint(book(cloud), context)[0]
            if finding.group == "request" and finding.severity != "note"]


def could_not_be_known(finding: Finding) -> bool:
    """Say whether it is about the system, in no list or not seen, or about what only a provider knows of an image."""
    return ("os-version" in finding.rule or finding.rule in {"scs-property-missing", "scs-os-purpose-missing"}
            or finding.subject.pointer in {"/__os_version", "/os_version"})


def assert_builder_obeys_linter(cloud: str, image: Inspection, least: int) -> None:
    requests = list(built(cloud, on(cloud, image)))
    assert len(requests) >= least
    found = [(request.operation, finding.rule, finding.message) for request in requests
             for finding in objections(cloud, on(cloud, image), request) if not could_not_be_known(finding)]
    assert found == []


@pytest.mark.parametrize("name", IMAGES)
@pytest.mark.parametrize("cloud", CLOUDS)
def test_the_builder_obeys_the_linter(cloud, name):
    taken = {found for operation in book(cloud).profile.operations.values() if operation.file
             for found in operation.file.formats}
    assert_builder_obeys_linter(cloud, inspected(name), least=int(inspected(name).format in taken))


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("cloud", CLOUDS)
def test_the_builder_obeys_the_linter_for_a_system(cloud, system):
    for file_format in ("qcow2", "raw"):
        image = Inspection(path=f"a.{file_format}", size=GIB, format=file_format, virtual_size=10 * GIB,
                           os=SYSTEMS[system], partition_table="gpt")
        assert_builder_obeys_linter(cloud, image, least=2)


# The requests of the documents


def lint(cloud: str, operation: str, body: dict[str, Any]) -> dict[str, str]:
    document = jsontext.parse(json.dumps(body).encode())
    findings, _ = linting.lint(book(cloud), Context(operation=operation, document=document, body=body))
    return {finding.rule: finding.severity for finding in findings if finding.severity != "note"}


PRINTED = {
    "create-metadata": "create-image", "action": "action", "dataimage": "dataimage", "register-file": "register-file",
    "quickimport-system": "quickimport-system", "quickimport-data": "quickimport-data",
}


@pytest.mark.parametrize("operation", PRINTED)
@pytest.mark.parametrize("cloud", OF_THE_SERVICE)
def test_the_requests_of_the_documents_are_right_on_each_cloud(cloud, operation):
    body = json.loads((SAMPLES / "requests" / f"{PRINTED[operation]}.json").read_text())
    has_list = book(cloud).catalogue.has_list_of(cloud)
    expected = {} if has_list or not {"__os_version", "os_version"} & set(body) else {
        "ims-os-version-of-a-sister-cloud": "warning"}
    assert lint(cloud, operation, body) == expected


@pytest.mark.parametrize(("cloud", "least"), [
    ("otc", {}), ("otc-swiss", {}), ("huaweicloud", {"ims-min-disk-below-the-least": "warning"}),
])
def test_the_sample_of_the_swiss_page(cloud, least):
    """It has min_disk 1, which the page of Huawei Cloud does not take any more."""
    body = json.loads((SAMPLES / "requests" / "create-image.json").read_text()) | {"min_disk": 1}
    assert lint(cloud, "create-metadata", body) == least


@pytest.mark.parametrize("cloud", OF_THE_SERVICE)
def test_a_cloud_of_the_service_has_its_calls(cloud):
    profile = book(cloud).profile
    paths = {operation.path for operation in profile.operations.values()}
    assert paths == {"/v2/images", "/v2/images/{image_id}/file", "/v1/cloudimages/{image_id}/upload",
                     "/v2/cloudimages/action", "/v2/cloudimages/quickimport/action",
                     "/v1/cloudimages/dataimages/action"}
    safe = {operation.safe_mode_path for operation in profile.operations.values()} - {None}
    assert bool(safe) == (cloud in {"huaweicloud", "eu-west-101"})


def test_every_cloud_stands_in_the_readme():
    text = (SAMPLES.parent / "README.md").read_text()
    row = next(line for line in text.splitlines() if line.startswith("| `--cloud NAME`"))
    assert [cloud for cloud in CLOUDS if f"`{cloud}`" not in row] == []
