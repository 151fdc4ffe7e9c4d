"""Readiness checks of Windows on phony guests: what cannot be seen, and forms that values have."""

from __future__ import annotations

import pytest
from images.hives import EXPAND, QWORD
from images.windows import AGENT, CONTROL, FIREWALL, NIC, SERVICES, TCPIP, Guest
from phony import PhonyFileSystem
from phonydisk import part

from imgbuild.guests.layout import assemble
from imgbuild.guests.readiness import View, checks_of, examine, unseen
from imgbuild.model import Firmware, OperatingSystem

SERVER = OperatingSystem(type="Windows", id="windows", version="2022", release="10.0.20348.2340", variant="Server",
                         name="Windows Server 2022 Datacenter", architecture="x86_64", bits=64)
HIVES = {"SOFTWARE": "/Windows/System32/config/SOFTWARE", "SYSTEM": "/Windows/System32/config/SYSTEM"}


CONTINUED = b"""[DEFAULT]
netbios_host_name_compatibility=0
metadata_services=a,
  cloudbaseinit.metadata.services.httpservice.HttpService
"""


def view(guest=None, *, damaged_later=(), without=(), changes=None):
    tree = {f"/{path}": data for path, data in (guest or Guest()).tree().items() if path not in without}
    tree |= changes or {}
    found = assemble([part(1, tree, "ntfs")]).guests[0]
    if damaged_later:
        found.tree.mount("/", PhonyFileSystem(tree, kind="ntfs", damaged=damaged_later))
    return View(found, SERVER, [], Firmware())


def asked(check, guest=None, **about):
    return {fact.check: fact for fact in examine(view(guest, **about))}[check]


OF_SYSTEM = ("win_dhcp", "win_virtio", "win_rdp", "win_cloudbase", "win_san", "win_clock", "win_domain",
             "win_reset_plugin")


@pytest.mark.parametrize("check", OF_SYSTEM)
@pytest.mark.parametrize("about", [
    {"without": ("Windows/System32/config/SYSTEM",)}, {"changes": {HIVES["SYSTEM"]: b"garbage" * 999}},
    {"changes": {HIVES["SYSTEM"]: b""}}, {"damaged_later": (HIVES["SYSTEM"],)},
    {"guest": Guest().but(system={"Select": {"Current": 7}})}, {"guest": Guest().but(system={"Select": None})},
], ids=("missing", "damaged", "empty", "unreadable", "no such set", "no selection"))
def test_without_the_hive_nothing_is_known(check, about):
    fact = asked(check, **about)
    assert (fact.status, fact.places) == ("unknown", ())
    assert fact.detail.startswith("could not be read: ")


def test_without_software_the_state_of_setup_is_unknown():
    about = {"without": ("Windows/System32/config/SOFTWARE", "Windows/System32/Sysprep/Sysprep_succeeded.tag")}
    assert asked("win_sysprep", **about).status == "unknown"
    assert asked("win_rdp", **about).status == "pass"


@pytest.mark.parametrize("check", ["win_pv", "win_cb_conf", "win_logs", "win_hibernation"])
def test_files_that_cannot_be_read(check):
    paths = {"win_pv": "/Program Files", "win_cb_conf": f"/{AGENT}", "win_hibernation": "/hiberfil.sys",
             "win_logs": "/Windows/System32/winevt/Logs/System.evtx"}
    guest = Guest().but(files={"hiberfil.sys": b"HIBR"})
    assert asked(check, guest, damaged_later=(paths[check],)).status == "unknown"


def test_all_facts_of_an_encrypted_volume_are_unknown():
    facts = unseen("Windows", "the volume is encrypted (BitLocker)")
    assert {fact.check for fact in facts} == set(checks_of("Windows"))
    assert {(fact.status, fact.detail) for fact in facts} == {("unknown", "the volume is encrypted (BitLocker)")}


def test_a_dirty_hive_leaves_a_doubt():
    clean, doubted = asked("win_rdp"), asked("win_rdp", Guest().but(dirty_hives=True))
    assert doubted.detail == f"{clean.detail} (or so before the changes in the hive's logs)"
    assert "logs" not in asked("win_hibernation", Guest().but(dirty_hives=True)).detail


@pytest.mark.parametrize(("values", "status"), [
    ({"EnableDHCP": 1}, "pass"), ({"EnableDHCP": 0}, "pass"), ({"EnableDHCP": 0, "IPAddress": [""]}, "pass"),
    ({"EnableDHCP": 0, "IPAddress": "10.0.0.5"}, "fail"), ({"EnableDHCP": None, "IPAddress": ["10.0.0.5"]}, "fail"),
    ({"EnableDHCP": 1, "IPAddress": ["10.0.0.5"]}, "pass"),
    ({"EnableDHCP": (QWORD, bytes(8)), "IPAddress": ["10.0.0.5"]}, "fail"),
    ({"NameServer": (EXPAND, "8.8.8.8,1.1.1.1\0".encode("utf-16-le"))}, "fail"),
])
def test_nics(values, status):
    assert asked("win_dhcp", Guest().but(system={NIC: values})).status == status


@pytest.mark.parametrize(("rule", "status"), [
    ("v2.0|Action=Allow|Active=TRUE|Dir=In|LPort=3389|", "pass"),
    ("v2.0|Action=Allow|Active=TRUE|Dir=In|Protocol=6|Profile=Public|LPort=3389|", "pass"),
    ("v2.0|Action=Allow|Active=TRUE|Dir=In|Protocol=6|Profile=Domain|Profile=Public|LPort=3389|", "pass"),
    ("v2.0|Action=Allow|Active=TRUE|Dir=In|Protocol=6|LPort=80|LPort=3000-4000|", "pass"),
    ("v2.0|Action=Allow|Active=TRUE|Dir=In|Protocol=6|Profile=Domain|Profile=Private|LPort=3389|", "fail"),
    ("v2.0|Action=Allow|Active=FALSE|Dir=In|Protocol=6|LPort=3389|", "fail"),
    ("v2.0|Action=Block|Active=TRUE|Dir=In|Protocol=6|LPort=3389|", "fail"),
    ("v2.0|Action=Allow|Active=TRUE|Dir=Out|Protocol=6|LPort=3389|", "fail"),
    ("v2.0|Action=Allow|Active=TRUE|Dir=In|Protocol=17|LPort=3389|", "fail"),
    ("v2.0|Action=Allow|Active=TRUE|Dir=In|Protocol=6|LPort=RPC|LPort=1-x|LPort=|", "fail"), ("", "fail"),
    ("v2.0|Action=Allow|Active=TRUE|Dir=In|Protocol=6|LPort=" + "9" * 5000, "fail"),
])
def test_rules_of_the_firewall(rule, status):
    rules = {"RemoteDesktop-UserMode-In-TCP": rule}
    assert asked("win_rdp", Guest().but(system={f"{FIREWALL}\\FirewallRules": rules})).status == status


def test_remote_desktop_that_cannot_be_judged():
    nothing = {f"{CONTROL}\\Terminal Server": None, f"{CONTROL}\\Terminal Server\\WinStations\\RDP-Tcp": None}
    assert asked("win_rdp", Guest().but(system=nothing)).status == "unknown"
    bare = dict.fromkeys((f"{FIREWALL}\\PublicProfile", f"{FIREWALL}\\FirewallRules"))
    assert asked("win_rdp", Guest().but(system=bare)).detail == (
        "remote desktop is enabled; the registry has no firewall for port 3389")
    policy = {"Policies\\Microsoft\\Windows NT\\Terminal Services": {"fDenyTSConnections": 0}}
    denied = {f"{CONTROL}\\Terminal Server": {"fDenyTSConnections": 1}}
    assert asked("win_rdp", Guest().but(system=denied, software=policy)).status == "pass"


def test_scsi_disks_are_named_where_their_driver_is_missing():
    fact = asked("win_virtio", Guest().but(system={f"{SERVICES}\\vioscsi": None}))
    assert (fact.status, fact.detail) == (
        "pass", "viostor is started at boot, and netkvm is there; vioscsi, for disks on a SCSI bus, is not ready")


@pytest.mark.parametrize(("text", "wrong"), [
    (b"netbios_host_name_compatibility=false\n", []),
    (b"\xef\xbb\xbf[DEFAULT]\r\nnetbios_host_name_compatibility = False\r\n", []),
    (b"[other]\nnetbios_host_name_compatibility=false\n", [None]),
    (b"[DEFAULT]\n# netbios_host_name_compatibility=false\n; x\n\n", [None]), (b"", [None]), (b"\xff\xfe", [None]),
    (b"[DEFAULT]\nnetbios_host_name_compatibility=false\nnetbios_host_name_compatibility=true\n", [3]),
    (b"[DEFAULT]\nnetbios_host_name_compatibility=true\nmetadata_services=a,b\nplugins=x.ConfigWinRMListenerPlugin",
     [2, 3, 4]),
    (CONTINUED, []),
    (b"[DEFAULT]\n  value without a name\nnetbios_host_name_compatibility=off\nno equals sign\n", []),
])
def test_settings_of_cloudbase_init(text, wrong):
    fact = asked("win_cb_conf", Guest().but(files={AGENT: text}))
    assert fact.status == ("fail" if wrong else "pass")
    assert [place.line for place in fact.places] == wrong


def test_without_cloudbase_init_its_settings_are_no_question():
    assert asked("win_cb_conf", Guest().but(files={AGENT: None})).status == "not-applicable"
    assert asked("win_logs", Guest().but(files={"Windows/System32/winevt/Logs/System.evtx": None})
                 ).status == "not-applicable"


def test_text_of_the_guest_is_safe_to_show():
    fact = asked("win_domain", Guest().but(system={TCPIP: {"Domain": "a\x1b[31m\n::error::"}}))
    assert fact.status == "fail"
    shown = f"{fact.detail}{fact.places}"
    assert "\x1b" not in shown
    assert "\n" not in shown


@pytest.mark.parametrize(("state", "status"), [
    (b"[State]\r\nImageState=IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE\r\n", "pass"),
    ("\ufeff[State]\r\nImageState=IMAGE_STATE_COMPLETE\r\n".encode("utf-16-le"), "fail"),
    (b"[State]\r\n", "pass"), (b"", "pass"),  # by the tag of Sysprep
])
def test_the_state_of_setup_in_its_file(state, status):
    software = {"Microsoft\\Windows\\CurrentVersion\\Setup\\State": None}
    guest = Guest().but(software=software, files={"Windows/Setup/State/State.ini": state})
    assert asked("win_sysprep", guest).status == status
