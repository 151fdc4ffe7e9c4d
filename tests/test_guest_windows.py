"""Each Windows rule passing and failing on a disk of our own writers, given to ``imgbuild check``."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest
from images.ntfsrecords import system_compressed
from images.windows import (
    AGENT,
    CONTROL,
    CURRENT_VERSION,
    DRIVERS,
    FIREWALL,
    NIC,
    SERVICES,
    TCPIP,
    Guest,
    disk,
)
from program import run

from imgbuild import rulebook
from imgbuild.rulebook.packs import folder, read_toml

PACK = "guest_windows.toml"
STATE = "Microsoft\\Windows\\CurrentVersion\\Setup\\State"
LOGS = "Windows/System32/winevt/Logs"
FULL_LOG = b"ElfFile\0".ljust(42, b"\0") + b"\x10\0" + bytes(84)


def system(keys: dict[str, Any], **more: Any) -> Guest:
    return Guest().but(system=keys, **more)


def software(keys: dict[str, Any], **more: Any) -> Guest:
    return Guest().but(software=keys, **more)


def files(changes: dict[str, Any], **more: Any) -> Guest:
    return Guest().but(files=changes, **more)


# Rule -> guests that break it, each with the beginning of what is said.
BROKEN: dict[str, list[tuple[Guest, str]]] = {
    "guest-windows-static-address": [
        (system({NIC: {"EnableDHCP": 0, "IPAddress": ["192.0.2.7"]}}), "a NIC has the fixed address 192.0.2.7"),
        (system({NIC: {"NameServer": "192.0.2.1"}}), "a NIC has the fixed name servers 192.0.2.1"),
    ],
    "guest-windows-no-virtio": [
        (files({f"{DRIVERS}/viostor.sys": None}), "the virtio driver viostor is missing: only its service"),
        (system({f"{SERVICES}\\viostor": None}), "the virtio driver viostor is missing: no service starts it"),
        (system({f"{SERVICES}\\viostor": {"Start": 3}}), "the driver viostor is not started at boot (Start is 3"),
        (system({f"{SERVICES}\\viostor\\StartOverride": {"0": 3}}),
         "the driver viostor is not started at boot: StartOverride takes Start back to 3"),
        (system({f"{SERVICES}\\netkvm": {"Start": 4}}), "the driver netkvm is disabled"),
        (system({f"{SERVICES}\\netkvm": None}, files={f"{DRIVERS}/netkvm.sys": None}),
         "the virtio driver netkvm is missing: not installed"),
        (files({"Program Files (x86)/virtio/bin/version": b"2.4.9"}), "UVP VMTools are older than 2.5.0: 2.4.9"),
    ],
    "guest-windows-foreign-tools": [
        (files({"Program Files/VMware/VMware Tools/vmtoolsd.exe": b"MZ"}), "VMware Tools are left"),
        (files({"Program Files (x86)/Citrix/XenTools/xenservice.exe": b"MZ"}), "XenTools are left"),
    ],
    "guest-windows-no-remote-desktop": [
        (system({f"{CONTROL}\\Terminal Server": {"fDenyTSConnections": 1}}), "remote desktop is not enabled"),
        (software({"Policies\\Microsoft\\Windows NT\\Terminal Services": {"fDenyTSConnections": 1}}),
         "remote desktop is not enabled"),
        (system({f"{FIREWALL}\\FirewallRules": {"RemoteDesktop-UserMode-In-TCP": None}}),
         "remote desktop is enabled, but the firewall does not let port 3389 in"),
        (system({f"{CONTROL}\\Terminal Server\\WinStations\\RDP-Tcp": {"PortNumber": 3390}}),
         "remote desktop is enabled, but the firewall does not let port 3390 in"),
    ],
    "guest-windows-no-agent": [
        (system({f"{SERVICES}\\cloudbase-init": None}, files={AGENT: None}), "Cloudbase-Init is not installed"),
        (system({f"{SERVICES}\\cloudbase-init": {"Start": 4}}), "Cloudbase-Init is not started by itself"),
        (system({f"{SERVICES}\\cloudbase-init": {"ObjectName": "LocalSystem"}}),
         "Cloudbase-Init runs as LocalSystem"),
    ],
    "guest-windows-agent-settings": [
        (files({AGENT: b"[DEFAULT]\r\nusername=Admin\r\n"}), "netbios_host_name_compatibility is not false"),
        (files({AGENT: b"[DEFAULT]\nnetbios_host_name_compatibility = true\n"}),
         "netbios_host_name_compatibility is true"),
        (files({AGENT: b"[DEFAULT]\nnetbios_host_name_compatibility=no\nmetadata_services=x.ConfigDrive\n"}),
         "metadata_services does not name HttpService"),
        (files({AGENT: "[DEFAULT]\nnetbios_host_name_compatibility=false\nplugins=a.b,\n"
                                   "  c.ConfigWinRMListenerPlugin\n".encode("utf-16")}),
         "plugins names ConfigWinRMListenerPlugin"),
    ],
    "guest-windows-disks-offline": [
        (system({f"{SERVICES}\\partmgr\\Parameters": {"SanPolicy": 3}}), "new disks stay offline"),
        (system({f"{SERVICES}\\partmgr\\Parameters": None}), "new disks may stay offline"),
    ],
    "guest-windows-clock-local": [
        (system({f"{CONTROL}\\TimeZoneInformation": {"RealTimeIsUniversal": 0}}), "the hardware's clock"),
        (system({f"{CONTROL}\\TimeZoneInformation": None}), "the hardware's clock"),
    ],
    "guest-windows-not-generalized": [
        (software({STATE: {"ImageState": "IMAGE_STATE_COMPLETE"}}), "the system is not generalized"),
        (software({STATE: None}, files={"Windows/Setup/State/State.ini":
                                                    b"[State]\r\nImageState=IMAGE_STATE_COMPLETE\r\n"}),
         "the system is not generalized (IMAGE_STATE_COMPLETE)"),
    ],
    "guest-windows-domain-member": [
        (system({TCPIP: {"Domain": "corp.example"}}), "the machine belongs to the domain corp.example"),
        (system({f"{CONTROL}\\ProductOptions": {"ProductType": "LanmanNT"}}), "the machine is a domain controller"),
    ],
    "guest-windows-event-logs": [
        (files({f"{LOGS}/System.evtx": FULL_LOG}), "the event log System has 16 blocks of 64 KiB"),
    ],
    "guest-windows-no-password-reset": [
        (system({f"{SERVICES}\\cloudResetPwdUpdateAgent": None}),
         "the password reset plug-in is not installed: there is no service cloudResetPwdUpdateAgent"),
    ],
    "guest-windows-hibernated": [
        (files({"hiberfil.sys": b"HIBR" + bytes(4096)}), "Windows is hibernated"),
        (files({"hiberfil.sys": b"hibr" + bytes(4096)}), "Windows is hibernated"),
    ],
    "image-ntfs-dirty": [(Guest().but(dirty=True), "the NTFS volume of partition 1 is marked dirty")],
    "image-hive-dirty": [(Guest().but(dirty_hives=True), "the registry hive SOFTWARE has changes")],
}
# What is as good as the plain guest.
GOOD: dict[str, Guest] = {
    "plain": Guest(),
    "UVP VMTools in place of virtio-win": Guest().but(
        system={f"{SERVICES}\\viostor": None, f"{SERVICES}\\netkvm": None},
        files={f"{DRIVERS}/viostor.sys": None, "Program Files (x86)/virtio/bin/version": b"UVP VMTools 2.5.0.112\r\n"}),
    "no firewall in public networks": system({
        f"{FIREWALL}\\PublicProfile": {"EnableFirewall": 0}, f"{FIREWALL}\\FirewallRules": None}),
    "a client without a SAN policy": Guest().but(
        software={CURRENT_VERSION: {"InstallationType": "Client", "ProductName": "Windows 10 Pro",
                                    "EditionID": "Professional"}},
        system={f"{SERVICES}\\partmgr\\Parameters": None}),
    "no session in hiberfil.sys": files({"hiberfil.sys": bytes(4096)}),
    "drivers and kernel compressed by CompactOS": files({
        f"{DRIVERS}/viostor.sys": system_compressed(60_000),
        "Windows/System32/ntoskrnl.exe": system_compressed(9_000_000)}),
    "no NIC yet": system({NIC: None}),
    "the state of Setup by its tag alone": software({STATE: None}),
    "StartOverride that starts at boot": system({f"{SERVICES}\\viostor\\StartOverride": {"0": 0}}),
}


@pytest.fixture(scope="session")
def checked(tmp_path_factory):
    @cache
    def check(rule: str, number: int) -> tuple[dict[str, Any], dict[str, Any]]:
        guest = BROKEN[rule][number][0] if rule in BROKEN else list(GOOD.values())[number]
        work = tmp_path_factory.mktemp("windows")
        path = disk(work / "disk.raw", guest)
        done = run("check", path, "--no-checksum", "--format", "json", "--manifest", work / "m.json", folder=work)
        assert done.err == ""
        return done.document, json.loads((work / "m.json").read_text())["image"]

    return check


def said(findings: dict[str, Any], rule: str) -> list[str]:
    return [finding["message"] for finding in findings["findings"] if finding["rule"] == rule]


@pytest.mark.parametrize("number", range(len(GOOD)), ids=list(GOOD))
def test_no_rule_of_windows_speaks_of_a_good_guest(number, checked):
    findings, image = checked("", number)
    assert [rule for rule in BROKEN if said(findings, rule)] == []
    assert [fact for fact in image["guest"] if fact["status"] in {"fail", "unknown"}] == []
    assert (image["os"]["id"], image["os"]["architecture"]) == ("windows", "x86_64")


@pytest.mark.parametrize(("rule", "number"), [(rule, number) for rule, cases in BROKEN.items()
                                              for number in range(len(cases))])
def test_a_broken_guest_is_told_by_its_rule(rule, number, checked):
    findings, image = checked(rule, number)
    assert [message for message in said(findings, rule) if message.startswith(BROKEN[rule][number][1])]
    others = [other for other in BROKEN if other != rule and said(findings, other)]
    assert others == []
    assert image["os"]["version"] == "2022"


@pytest.mark.parametrize("rule", BROKEN)
def test_a_finding_of_a_guest_names_the_place_and_the_cure(rule, checked):
    findings, _ = checked(rule, 0)
    found = next(finding for finding in findings["findings"] if finding["rule"] == rule)
    assert found["hint"]
    assert found["sources"]
    if rule.startswith("guest-") and rule not in {"guest-windows-no-password-reset", "guest-windows-no-agent"}:
        assert found["subject"]["guest_path"].startswith(("SYSTEM\\ControlSet001\\", "SOFTWARE\\", "/"))


def test_every_rule_of_the_pack_is_here():
    rules = [rule["id"] for rule in read_toml(str(folder() + f"/common/{PACK}"))["rule"]]
    assert sorted(rules) == sorted(rule for rule in BROKEN if rule != "image-hive-dirty")
    assert {rule.id for rule in rulebook.load().rules} >= set(BROKEN)
