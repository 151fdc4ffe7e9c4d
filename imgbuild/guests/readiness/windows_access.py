"""Whether people get into a Windows guest: remote desktop, the firewall before it, and the password reset plug-in.

    SYSTEM, the control set, Control, Terminal Server: fDenyTSConnections; WinStations, RDP-Tcp: PortNumber
    Services, SharedAccess, Parameters, FirewallPolicy: a key for each profile with EnableFirewall, and FirewallRules
    with values such as v2.10|Action=Allow|Active=TRUE|Dir=In|Protocol=6|LPort=3389|App=System|…
    A policy of the same name stands in SOFTWARE, Policies, Microsoft, Windows NT, Terminal Services, and counts more.

A NIC of the cloud is in an unidentified network, and such are of the public profile.

[MS-FASP]: Firewall and Advanced Security Protocol, 2.2.3 "Firewall Rule Syntax",
https://learn.microsoft.com/openspecs/windows_protocols/ms-fasp/2efe0b76-7b4a-41ff-9050-1023f8196d16
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.guests.readiness.base import failed, passed, place, unknown
from imgbuild.guests.readiness.windows_base import DISABLED, below, control_set, service, software, value_at

if TYPE_CHECKING:
    from imgbuild.guests.readiness.base import Answer, View
    from imgbuild.guests.windows.hives import Key

PORT = 3389

_SERVER = "Control\\Terminal Server"
_DENY = "fDenyTSConnections"
_POLICY = "Policies\\Microsoft\\Windows NT\\Terminal Services"
_FIREWALL = "Services\\SharedAccess\\Parameters\\FirewallPolicy"
_RESET = ("cloudResetPwdAgent", "cloudResetPwdUpdateAgent")
_ENABLE = ('reg add "HKLM\\SYSTEM\\CurrentControlSet\\Control\\Terminal Server" /v fDenyTSConnections'
           ' /t REG_DWORD /d 0 /f')
_LET_IN = 'Enable-NetFirewallRule -DisplayGroup "Remote Desktop"'


def remote_desktop(view: View) -> Answer:
    """win_rdp: remote desktop is enabled, and the firewall lets it in."""
    server = below(control_set(view), _SERVER)
    policy = software(view, _POLICY)
    decides = policy if policy is not None and policy.number(_DENY) is not None else server
    if decides is None:
        return unknown("the registry has no key of the remote desktop")
    if decides.number(_DENY) != 0:
        return failed("remote desktop is not enabled", [value_at(decides, _DENY, decides.number(_DENY))], cure=_ENABLE)
    station = below(server, "WinStations\\RDP-Tcp")
    port = (station.number("PortNumber") if station is not None else None) or PORT
    firewall = below(control_set(view), _FIREWALL)
    if firewall is None:
        return passed(f"remote desktop is enabled; the registry has no firewall for port {port}", decides.path)
    rules = firewall.key("FirewallRules")
    if not _filters(firewall) or (rules is not None and _lets_in(rules, port)):
        return passed(f"remote desktop is enabled, and the firewall lets port {port} in", decides.path, firewall.path)
    return failed(f"remote desktop is enabled, but the firewall does not let port {port} in",
                  [place(f"{firewall.path}\\FirewallRules")], cure=_LET_IN)


def _filters(firewall: Key) -> bool:
    """Say whether the firewall is on in public networks: it is, unless it was turned off."""
    public = firewall.key("PublicProfile")
    return public is None or public.number("EnableFirewall") != 0


def _lets_in(rules: Key, port: int) -> bool:
    return any(_allows(rules.text(name) or "", port) for name in rules.names())


def _allows(rule: str, port: int) -> bool:
    fields = [field.partition("=") for field in rule.split("|")]
    said: dict[str, list[str]] = {}
    for name, _, value in fields:
        said.setdefault(name, []).append(value)
    profiles = said.get("Profile", ["Public"])
    return (said.get("Action") == ["Allow"] and said.get("Active") == ["TRUE"] and said.get("Dir") == ["In"]
            and said.get("Protocol", ["6"]) == ["6"] and "Public" in profiles
            and any(_covers(value, port) for value in said.get("LPort", [])))


def _covers(value: str, port: int) -> bool:
    first, _, last = value.partition("-")
    if not first.isdecimal() or (last and not last.isdecimal()):
        return False
    return int(first[:6]) <= port <= int((last or first)[:6])


def reset_plugin(view: View) -> Answer:
    """win_reset_plugin: the services of the one-click password reset plug-in are there."""
    keys = {name: service(view, name) for name in _RESET}
    missing = [name for name, key in keys.items() if key is None or key.number("Start") == DISABLED]
    if not missing:
        return passed("the services of the password reset plug-in are there",
                      *(key.path for key in keys.values() if key is not None))
    return failed(f"the password reset plug-in is not installed: there is no service {missing[0]}", [],
                  cure="install CloudResetPwdAgent with its setup.bat as administrator")
