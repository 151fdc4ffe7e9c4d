"""Identity by the values that the registries of these versions have."""

from __future__ import annotations

import struct

import pytest
from images.hives import hive
from phonydisk import ESP, part
from windowsguest import CONFIG, CURRENT_VERSION, control, machine, tree, version

from imgbuild.guests.identity import identify_all
from imgbuild.guests.layout import assemble
from imgbuild.guests.windows.identity import identify
from imgbuild.guests.windows.registry import find_registry

# ProductName | EditionID | InstallationType | CurrentVersion | build | UBR | release | service pack
#   -> version | release | name | edition
TABLE = """
Windows Vista (TM) Ultimate | Ultimate | - | 6.0 | 6002 | - | - | Service Pack 2 -> Vista | 6.0.6002 Service Pack 2 | Windows Vista Ultimate | Ultimate
Windows Server (R) 2008 Standard | ServerStandard | - | 6.0 | 6001 | - | - | Service Pack 1 -> 2008 | 6.0.6001 Service Pack 1 | Windows Server 2008 Standard | Standard
Windows Server (R) 2008 Enterprise | ServerEnterprise | - | 6.0 | 6003 | 20708 | - | Service Pack 2 -> 2008 | 6.0.6003 Service Pack 2 | Windows Server 2008 Enterprise | Enterprise
Windows 7 Professional | Professional | Client | 6.1 | 7600 | - | - | - -> 7 | 6.1.7600 | Windows 7 Professional | Professional
Windows 7 Enterprise | Enterprise | Client | 6.1 | 7601 | 24214 | - | Service Pack 1 -> 7 | 6.1.7601 Service Pack 1 | Windows 7 Enterprise | Enterprise
Windows Embedded Standard | Embedded | Embedded | 6.1 | 7601 | - | - | Service Pack 1 -> 7 | 6.1.7601 Service Pack 1 | Windows Embedded Standard | Embedded
Windows Server 2008 R2 Standard | ServerStandard | Server | 6.1 | 7601 | - | - | Service Pack 1 -> 2008 R2 | 6.1.7601 Service Pack 1 | Windows Server 2008 R2 Standard | Standard
Windows Web Server 2008 R2 | ServerWeb | Server | 6.1 | 7601 | - | - | Service Pack 1 -> 2008 R2 | 6.1.7601 Service Pack 1 | Windows Web Server 2008 R2 | Web
Windows Small Business Server 2011 Standard | ServerSBSStandard | Server | 6.1 | 7601 | - | - | Service Pack 1 -> 2008 R2 | 6.1.7601 Service Pack 1 | Windows Small Business Server 2011 Standard | ServerSBSStandard
Windows 8 Pro | Professional | Client | 6.2 | 9200 | - | - | - -> 8 | 6.2.9200 | Windows 8 Pro | Professional
Windows Server 2012 Datacenter | ServerDatacenter | Server | 6.2 | 9200 | 21506 | - | - -> 2012 | 6.2.9200 | Windows Server 2012 Datacenter | Datacenter
Windows 8.1 Enterprise | Enterprise | Client | 6.3 | 9600 | 19000 | - | - -> 8.1 | 6.3.9600 | Windows 8.1 Enterprise | Enterprise
Windows Embedded 8.1 Industry Pro | EmbeddedIndustry | Client | 6.3 | 9600 | - | - | - -> 8.1 | 6.3.9600 | Windows Embedded 8.1 Industry Pro | EmbeddedIndustry
Windows Server 2012 R2 Standard | ServerStandard | Server | 6.3 | 9600 | 20778 | - | - -> 2012 R2 | 6.3.9600 | Windows Server 2012 R2 Standard | Standard
Hyper-V Server 2012 R2 | ServerHyper | Server Core | 6.3 | 9600 | - | - | - -> 2012 R2 | 6.3.9600 | Hyper-V Server 2012 R2 | Hyper-V Server
Windows 10 Pro | Professional | Client | 10 | 10240 | 16384 | - | - -> 10 | 10.0.10240.16384 | Windows 10 Pro | Professional
Windows 10 Enterprise LTSC 2019 | EnterpriseS | Client | 10 | 17763 | 5458 | 1809 | - -> 10 | 10.0.17763.5458 | Windows 10 Enterprise LTSC 2019 | Enterprise LTSC
Windows 10 IoT Enterprise LTSC 2021 | IoTEnterpriseS | Client | 10 | 19044 | 1288 | 21H2 | - -> 10 | 10.0.19044.1288 | Windows 10 IoT Enterprise LTSC 2021 | IoT Enterprise LTSC
Windows 10 Pro | Professional | Client | 10 | 19045 | 3803 | 22H2 | - -> 10 | 10.0.19045.3803 | Windows 10 Pro | Professional
Windows 10 Enterprise for Virtual Desktops | ServerRdsh | Client | 10 | 19045 | 3803 | 22H2 | - -> 10 | 10.0.19045.3803 | Windows 10 Enterprise for Virtual Desktops | Enterprise multi-session
Windows 10 Pro | Professional | Client | 10 | 22000 | 194 | 21H2 | - -> 11 | 10.0.22000.194 | Windows 11 Pro | Professional
Windows 10 Enterprise | Enterprise | Client | 10 | 22631 | 2861 | 23H2 | - -> 11 | 10.0.22631.2861 | Windows 11 Enterprise | Enterprise
Windows 10 Home | Core | Client | 10 | 26100 | 1742 | 24H2 | - -> 11 | 10.0.26100.1742 | Windows 11 Home | Home
Windows 10 Pro N | ProfessionalN | Client | 10 | 26200 | 6584 | 25H2 | - -> 11 | 10.0.26200.6584 | Windows 11 Pro N | Professional N
Windows 10 Enterprise Evaluation | EnterpriseEval | Client | 10 | 22621 | 525 | 22H2 | - -> 11 | 10.0.22621.525 | Windows 11 Enterprise Evaluation | Enterprise
Windows Server 2016 Standard | ServerStandard | Server | 10 | 14393 | 6614 | 1607 | - -> 2016 | 10.0.14393.6614 | Windows Server 2016 Standard | Standard
Windows Server 2016 Datacenter | ServerDatacenterNano | Nano Server | 10 | 14393 | 0 | 1607 | - -> 2016 | 10.0.14393 | Windows Server 2016 Datacenter | ServerDatacenterNano
Windows Server 2019 Standard Evaluation | ServerStandardEval | Server | 10 | 17763 | 737 | 1809 | - -> 2019 | 10.0.17763.737 | Windows Server 2019 Standard Evaluation | Standard
Windows Server 2019 Datacenter | ServerDatacenterCor | Server Core | 10 | 17763 | 737 | 1809 | - -> 2019 | 10.0.17763.737 | Windows Server 2019 Datacenter | Datacenter
Hyper-V Server 2019 | ServerHyper | Server Core | 10 | 17763 | 737 | 1809 | - -> 2019 | 10.0.17763.737 | Hyper-V Server 2019 | Hyper-V Server
Hyper-V Server | ServerHyper | Server Core | 10 | 17763 | 737 | 1809 | - -> 2019 | 10.0.17763.737 | Hyper-V Server | Hyper-V Server
Windows Server Datacenter | ServerDatacenterACor | Server Core | 10 | 17763 | 1 | 1809 | - -> 1809 | 10.0.17763.1 | Windows Server Datacenter | Datacenter
Windows Server Standard | ServerStandardACor | Server Core | 10 | 18363 | 418 | 1909 | - -> 1909 | 10.0.18363.418 | Windows Server Standard | Standard
Windows Server 2022 Datacenter | ServerDatacenter | Server | 10 | 20348 | 2340 | 21H2 | - -> 2022 | 10.0.20348.2340 | Windows Server 2022 Datacenter | Datacenter
Windows Server 2022 Datacenter Azure Edition | ServerTurbine | Server | 10 | 20348 | 2340 | 21H2 | - -> 2022 | 10.0.20348.2340 | Windows Server 2022 Datacenter Azure Edition | Datacenter: Azure Edition
Azure Stack HCI | ServerAzureStackHCICor | Server Core | 10 | 20349 | 1547 | 22H2 | - -> 22H2 | 10.0.20349.1547 | Azure Stack HCI | ServerAzureStackHCICor
Windows Server 2025 Standard | ServerStandard | Server | 10 | 26100 | 1742 | 24H2 | - -> 2025 | 10.0.26100.1742 | Windows Server 2025 Standard | Standard
"""  # noqa: E501 - a row for each system


def cells(row: str) -> list[str | None]:
    return [None if cell.strip() == "-" else cell.strip() for cell in row.split(" | ")]


def current(row: str) -> dict[str, str | int]:
    """Return CurrentVersion as the version has it: 10 still says 6.3 there."""
    name, edition, kind, numbers, build, revision, release, pack = cells(row)
    values = {"ProductName": name, "EditionID": edition, "InstallationType": kind, "CurrentBuild": build,
              "CurrentBuildNumber": build, "CSDVersion": pack, "UBR": int(revision) if revision else None,
              "CurrentVersion": "6.3" if numbers == "10" else numbers}
    if numbers == "10":
        values |= {"CurrentMajorVersionNumber": 10, "CurrentMinorVersionNumber": 0, "ReleaseId": release}
        values |= {"DisplayVersion": release} if release and "H" in release else {}
    return {key: value for key, value in values.items() if value is not None}


def identified(guest, problems=None):
    registry = find_registry(guest)
    assert registry is not None
    return identify(registry, problems if problems is not None else [])


@pytest.mark.parametrize("row", TABLE.strip().splitlines())
def test_versions(row):
    written, _, expected = row.partition(" -> ")
    name = written.partition(" | ")[0]
    kind = "ServerNT" if "Server" in name or "HCI" in name else "WinNT"
    options = {"ProductType": kind}
    system = control(Control__ProductOptions=options) | machine("AMD64")
    found = identified(tree(version(**current(written)), system))
    assert [found.version, found.release, found.name, found.edition] == cells(expected)
    assert (found.type, found.id, found.architecture, found.bits) == ("Windows", "windows", "x86_64", 64)
    assert str(found.build) == cells(written)[4]
    assert found.variant == cells(written)[2]
    assert found.source == f"{CONFIG}/SOFTWARE"


@pytest.mark.parametrize(("numbers", "build", "name", "product", "suites", "expected"), [
    ("5.1", "2600", "Microsoft Windows XP", "WinNT", ["Terminal Server"],
     ("XP", "Windows XP Professional", "Professional")),
    ("5.1", "2600", "Microsoft Windows XP", "WinNT", ["Personal"], ("XP", "Windows XP Home", "Home")),
    ("5.2", "3790", "Microsoft Windows XP", "WinNT", [], ("XP", "Windows XP Professional", "Professional")),
    ("5.2", "3790", "Microsoft Windows Server 2003", "ServerNT", ["Terminal Server"],
     ("2003", "Windows Server 2003 Standard", "Standard")),
    ("5.2", "3790", "Microsoft Windows Server 2003 R2", "LanmanNT", ["Enterprise", "Terminal Server"],
     ("2003 R2", "Windows Server 2003 R2 Enterprise", "Enterprise")),
])
def test_versions_before_vista(numbers, build, name, product, suites, expected):
    software = version(ProductName=name, CurrentVersion=numbers, CurrentBuildNumber=build, CSDVersion="Service Pack 2",
                       CurrentBuild="1.511.1 () (Obsolete data - do not use)")
    system = control(Control__ProductOptions={"ProductType": product, "ProductSuite": suites}) | machine("x86")
    found = identified(tree(software, system))
    assert (found.version, found.name, found.edition) == expected
    assert (found.release, found.architecture, found.bits) == (f"{numbers}.{build} Service Pack 2", "x86", 32)


def pe(machine_number: int) -> bytes:
    return b"MZ".ljust(60, b"\0") + struct.pack("<I", 64) + b"PE\0\0" + struct.pack("<H", machine_number) + bytes(200)


SERVER = version(ProductName="Windows Server 2022 Standard", CurrentBuildNumber="20348", InstallationType="Server",
                 CurrentMajorVersionNumber=10, BuildLabEx="20348.1.arm64fre.fe_release.210507-1500")
KERNEL = "/Windows/System32/ntoskrnl.exe"


@pytest.mark.parametrize(("system", "files", "architecture", "bits"), [
    (machine("AMD64"), {}, "x86_64", 64), (machine("amd64"), {}, "x86_64", 64), (machine("x86"), {}, "x86", 32),
    (machine("ARM64"), {}, "aarch64", 64), (machine("IA64"), {}, "ia64", 64), (machine("nonsense"), {}, "aarch64", 64),
    (None, {KERNEL: pe(0x8664)}, "x86_64", 64), (None, {KERNEL: pe(0x14C)}, "x86", 32),
    (None, {KERNEL: b"MZ"}, "aarch64", 64), (None, {}, "aarch64", 64),
    (machine("x86"), {KERNEL: pe(0x8664)}, "x86", 32),
])
def test_machines(system, files, architecture, bits):
    found = identified(tree(SERVER, system, files))
    assert (found.architecture, found.bits) == (architecture, bits)


@pytest.mark.parametrize(("values", "expected"), [
    ({}, (None, None, None)), ({"ProductName": "Windows 10 Pro"}, (None, None, None)),
    ({"CurrentMajorVersionNumber": 10, "CurrentBuildNumber": "19045"}, (None, "10.0.19045", 19045)),
    ({"CurrentBuildNumber": "19045", "InstallationType": "Client"}, ("10", "10.0.19045", 19045)),
    ({"CurrentVersion": "6.1", "InstallationType": "Client"}, (None, None, None)),
    ({"CurrentVersion": "6.1", "InstallationType": "Client", "BuildLabEx": "7601.1.amd64fre.win7.1-2"},
     ("7", "6.1.7601", 7601)),
    ({"CurrentBuildNumber": "x" * 50, "CurrentVersion": "a.b", "InstallationType": "Client"}, (None, None, None)),
    ({"CurrentMajorVersionNumber": 0xFFFFFFFF, "CurrentBuildNumber": "22631", "InstallationType": "Client"},
     ("11", "10.0.22631", 22631)),
    ({"CurrentBuildNumber": "25000", "ProductName": "Windows Server 2025 Preview", "InstallationType": "Server"},
     (None, "10.0.25000", 25000)),
    ({"CurrentBuildNumber": "20348", "InstallationType": "Server"}, ("2022", "10.0.20348", 20348)),
])
def test_what_is_not_said_is_not_known(values, expected):
    found = identified(tree(version(**values), machine("AMD64")))
    assert (found.version, found.release, found.build) == expected


def test_without_a_product_name_the_product_is_the_name():
    values = {"CurrentBuildNumber": "20348", "InstallationType": "Server"}
    assert identified(tree(version(**values))).name == "Windows Server 2022"
    assert identified(tree(version())).name == "Windows"


@pytest.mark.parametrize(("software", "system", "known", "codes"), [
    (SERVER, machine("AMD64"), "2022", []), (SERVER, None, "2022", []), (None, machine("AMD64"), None, []),
    (b"garbage" * 99, machine("AMD64"), None, ["hive-damaged"]), (SERVER, b"", "2022", ["hive-damaged"]),
    (hive(SERVER, dirty=True), hive(machine("AMD64"), dirty=True), "2022", ["hive-dirty"] * 2),
])
def test_hives_that_are_missing_damaged_or_dirty(software, system, known, codes):
    problems = []
    found = identified(tree(software, system), problems)
    assert [problem.code for problem in problems] == codes
    assert (found.id, found.version) == ("windows", known)


def test_a_damaged_file_system_is_told_once():
    problems = []
    identified(tree(SERVER, machine("AMD64"), damaged=(f"{CONFIG}/SYSTEM",)), problems)
    assert [problem.code for problem in problems] == ["filesystem-damaged"]


# Layout: which partitions hold a Windows.

def windows_files(**about):
    return {f"{CONFIG}/SOFTWARE": hive(version(InstallationType="Client", CurrentBuildNumber="19045", **about)),
            f"{CONFIG}/SYSTEM": hive(machine("AMD64"))}


WINRE = {"/Recovery/WindowsRE/Winre.wim": b"MSWIM", "/Recovery/WindowsRE/boot.sdi": b"x"}
INSTALLER = {"/sources/install.wim": b"MSWIM", "/sources/boot.wim": b"MSWIM", "/bootmgr": b"x"}
LINUX = {"/etc/os-release": "ID=debian\nVERSION_ID=12\n", "/bin/sh": "x"}


def systems(*blocks):
    layout = assemble(blocks)
    problems = []
    return [(system.id, system.version) for _, system in identify_all(layout.guests, problems)]


@pytest.mark.parametrize(("blocks", "expected"), [
    ([("ntfs", windows_files())], [("windows", "10")]),
    ([("ntfs", WINRE), ("ntfs", windows_files()), ("ntfs", {"/data/x": b"x"})], [("windows", "10")]),
    ([("ntfs", windows_files()), ("ext4", LINUX)], [("windows", "10"), ("debian", "12")]),
    ([("ext4", LINUX), ("ntfs", windows_files())], [("debian", "12"), ("windows", "10")]),
    ([("ntfs", windows_files()), ("ntfs", windows_files())], [("windows", "10")] * 2),
    ([("ntfs", INSTALLER)], []), ([("ntfs", WINRE)], []), ([("exfat", windows_files())], []),
    ([("fat32", windows_files())], [("windows", "10")]),
    ([("ntfs", windows_files(EditionID="WindowsPE")), ("ntfs", windows_files())], [("windows", "10")]),
    ([("ntfs", windows_files(EditionID="WindowsPE"))], [("windows", "10")]),
    ([("ntfs", {path.replace("/Windows/", "/WINNT/"): data for path, data in windows_files().items()})],
     [("windows", "10")]),
    ([("bitlocker", None)], []),
], ids=range(13))
def test_which_partitions_hold_a_windows(blocks, expected):
    found = [part(number + 1, files, kind, readable=files is not None) for number, (kind, files) in enumerate(blocks)]
    assert systems(*found) == expected


def test_an_efi_system_partition_holds_none():
    assert systems(part(1, windows_files(), "fat32", type="EFI system", type_id=ESP)) == []


def test_a_windows_whose_files_are_damaged_is_a_problem():
    found = assemble([part(1, windows_files(), "ntfs", damaged=("/Windows",))])
    assert found.guests == ()
    assert [problem.code for problem in found.problems] == ["filesystem-damaged"]


def test_the_selected_control_set_is_asked():
    system = {"Select": {"Current": 2}, **{f"ControlSet{number:03d}\\Control\\Session Manager\\Environment":
              {"PROCESSOR_ARCHITECTURE": word} for number, word in ((1, "x86"), (2, "AMD64"))}}
    assert identified(tree({CURRENT_VERSION: {}}, system)).architecture == "x86_64"
    for number in (0, 1000, 7):
        assert identified(tree({CURRENT_VERSION: {}}, system | {"Select": {"Current": number}})).architecture is None
