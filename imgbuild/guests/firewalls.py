"""Whether a guest's own firewall lets a TCP port in: the files of firewalld, ufw, iptables and nftables in.

Only what is clear is said: a rule that no reader of these few lines understands counts as one that lets in.

firewalld.zone(5), https://firewalld.org/documentation/man-pages/firewalld.zone.html
ufw-framework(8), https://manpages.ubuntu.com/manpages/noble/man8/ufw-framework.8.html
iptables-restore(8), https://man7.org/linux/man-pages/man8/iptables-restore.8.html
nft(8), https://www.netfilter.org/projects/nftables/manpage.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

    from imgbuild.filesystems.tree import GuestTree
    from imgbuild.guests.units import Units

_LIMIT = 256 * 1024
_SSH = 22
_ZONES = ("/etc/firewalld/zones", "/usr/lib/firewalld/zones")
_DROPS = r"-j\s+(?:DROP|REJECT)\b"


class Wall(msgspec.Struct, frozen=True):
    """A firewall that keeps the port out, and the place that shows it."""

    name: str
    path: str
    line: int | None
    text: str | None
    cure: str


def closed(tree: GuestTree, units: Units, port: int) -> Wall | None:
    """Return the firewall that keeps ``port`` out; ``None`` where none is seen to."""
    walls: tuple[Callable[[GuestTree, Units, int], Wall | None], ...] = (_firewalld, _ufw, _iptables, _nftables)
    return next((wall for look in walls if (wall := look(tree, units, port)) is not None), None)


def _firewalld(tree: GuestTree, units: Units, port: int) -> Wall | None:
    if not units.look("firewalld").enabled:
        return None
    settings = tree.read_text("/etc/firewalld/firewalld.conf", _LIMIT) or ""
    named = re.search(r"^\s*DefaultZone\s*=\s*([\w-]+)", settings, re.MULTILINE)
    zone = named[1] if named else "public"
    path = next((path for folder in _ZONES if tree.is_file(path := f"{folder}/{zone}.xml")), None)
    if path is None:
        return None
    text = tree.read_text(path, _LIMIT) or ""
    lets_all = re.search(r"""<zone[^>]*target\s*=\s*["']ACCEPT""", text)
    service = port == _SSH and re.search(r"""<service\s+name\s*=\s*["']ssh["']""", text)
    if lets_all or service or re.search(rf"""<port\s[^>]*port\s*=\s*["']{port}["']""", text):
        return None
    return Wall("firewalld", path, None, None, f"firewall-cmd --permanent --zone={zone} --add-port={port}/tcp")


def _ufw(tree: GuestTree, _: Units, port: int) -> Wall | None:
    settings = tree.read_text("/etc/ufw/ufw.conf", _LIMIT) or ""
    if not re.search(r"^\s*ENABLED\s*=\s*[\"']?yes", settings, re.MULTILINE | re.IGNORECASE):
        return None
    policy = tree.read_text("/etc/default/ufw", _LIMIT) or ""
    if re.search(r"^\s*DEFAULT_INPUT_POLICY\s*=\s*[\"']?ACCEPT", policy, re.MULTILINE):
        return None
    rules = tree.read_text("/etc/ufw/user.rules", _LIMIT) or ""
    lets_in = re.compile(rf"^-A ufw-user-input .*--dports? (?:\S+,)?{port}(?:[,:]\S*)? .*-j (?:ACCEPT|ufw-user-limit)|"
                         rf"^### tuple ### (?:allow|limit) \w+ {port} ", re.MULTILINE)
    if lets_in.search(rules):
        return None
    return Wall("ufw", "/etc/ufw/user.rules", None, None, f"ufw allow {port}/tcp")


def _iptables(tree: GuestTree, units: Units, port: int) -> Wall | None:
    """Walk the rules of INPUT in their order: what drops all before a rule lets the port in keeps it out."""
    for path, service in (("/etc/sysconfig/iptables", "iptables"), ("/etc/iptables/rules.v4", "netfilter-persistent")):
        text = tree.read_text(path, _LIMIT)
        if text is None or not units.look(service).enabled:
            continue
        shut = re.search(r"^:INPUT\s+DROP", text, re.MULTILINE) is not None
        for number, line in enumerate(text.split("\n"), start=1):
            if not line.startswith(("-A INPUT", "-I INPUT")):
                continue
            if "-j ACCEPT" in line and _fits(line, port):
                shut = False
                break
            if re.search(_DROPS, line) and not re.search(r"\s(-s|-d|-i|--dports?|-p|-m)\s", line):
                return Wall("iptables", path, number, line, f"iptables -I INPUT -p tcp --dport {port} -j ACCEPT")
        if shut:
            return Wall("iptables", path, None, None, f"iptables -I INPUT -p tcp --dport {port} -j ACCEPT")
    return None


def _fits(line: str, port: int) -> bool:
    """Say whether a rule that accepts lets new connections to the port in; one that is not understood does."""
    if re.search(r"-i\s+lo\b|-p\s+(icmp|udp|ipv6-icmp|esp|ah)\b", line):
        return False
    if re.search(r"--(?:ct)?state\s+(?!.*NEW)", line):
        return False
    ports = re.search(r"--dports?\s+(\S+)", line)
    return ports is None or any(_in_range(port, part) for part in ports[1].split(","))


def _in_range(port: int, text: str) -> bool:
    low, _, high = text.partition(":")
    if text == "ssh":
        return port == _SSH
    return low.isdigit() and int(low[:6]) <= port <= int((high or low)[:6] if (high or low).isdigit() else 0)


def _nftables(tree: GuestTree, units: Units, port: int) -> Wall | None:
    path = next((path for path in ("/etc/nftables.conf", "/etc/sysconfig/nftables.conf") if tree.is_file(path)), None)
    if path is None or not units.look("nftables").enabled:
        return None
    text = tree.read_text(path, _LIMIT) or ""
    drops = re.search(r"hook\s+input\b[^}]*policy\s+drop", text)
    names = rf"dport\s+[^\n]*\b(?:{port}{'|ssh' if port == _SSH else ''})\b"
    if not drops or "include" in text or re.search(names, text):
        return None
    line = text.count("\n", 0, drops.end()) + 1
    return Wall("nftables", path, line, text.split("\n")[line - 1], f"add: tcp dport {port} accept")
