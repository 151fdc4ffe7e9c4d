"""What the platform before left in the guest, and what CoreOS must have: readiness checks.

Sources hw-pv, otc-auto-faq and otc-formats of the rules. The unit of open-vm-tools starts nowhere but on VMware: it
does no harm. VMware's own installer leaves /etc/vmware-tools.
"""

from __future__ import annotations

import re

from imgbuild.guests.readiness.base import Answer, View, failed, not_applicable, passed, place

_PV = ("/etc/.uvp-monitor", "/usr/bin/uvp-monitor")
_VMWARE = ("/etc/vmware-tools/locations", "/usr/lib/vmware-tools", "/etc/init.d/vmware-tools",
           "/etc/systemd/system/vmware-tools.service")
_DAEMON = "/usr/bin/vmtoolsd"
_UNITS = ("/usr/lib/systemd/system/vmtoolsd.service", "/usr/lib/systemd/system/open-vm-tools.service",
          "/lib/systemd/system/open-vm-tools.service", "/lib/systemd/system/vmtoolsd.service")
_ON_VMWARE_ONLY = re.compile(r"^\s*ConditionVirtualization\s*=\s*\|?vmware\s*$", re.MULTILINE)
_LIMIT = 64 * 1024
_COREOS = frozenset({"coreos"})
_UPDATE = "/etc/coreos/update.conf"
_CLOUDINIT = ("/usr/bin/coreos-cloudinit", "/usr/sbin/coreos-cloudinit")


def pv_driver(view: View) -> Answer:
    """lin_pv_driver: the monitor of the Xen PV driver is not there."""
    found = [path for path in _PV if view.tree.exists(path)]
    if not found:
        return passed("there is no UVP monitor")
    cure = "sh /etc/.uvp-monitor/uninstall; reboot" if view.tree.exists("/etc/.uvp-monitor/uninstall") else None
    return failed("the PV driver of a Xen platform is installed", [place(path) for path in found], cure=cure)


def third_party_tools(view: View) -> Answer:
    """lin_third_party_tools: no tools of VMware start in the guest."""
    own = [path for path in _VMWARE if view.tree.exists(path)]
    if own:
        return failed("VMware Tools are installed", [place(path) for path in own[:1]],
                      cure="vmware-uninstall-tools.pl")
    if not view.tree.exists(_DAEMON):
        return passed("there are no tools of VMware")
    unit = next((path for path in _UNITS if view.tree.exists(path)), None)
    if unit is not None and _ON_VMWARE_ONLY.search(view.tree.read_text(unit, _LIMIT) or ""):
        return passed("open-vm-tools are installed and start on VMware alone", unit)
    return failed("tools of VMware are installed", [place(unit or _DAEMON)],
                  cure="remove the package open-vm-tools")


def coreos(view: View) -> Answer:
    """lin_coreos: CoreOS has coreos-cloudinit, and does not restart for updates by itself."""
    if view.system.id not in _COREOS:
        return not_applicable("the system is not CoreOS Container Linux")
    if not any(view.tree.exists(path) for path in _CLOUDINIT):
        return failed("coreos-cloudinit is not installed", [place(_CLOUDINIT[0])])
    strategy = re.search(r"^\s*REBOOT_STRATEGY\s*=\s*[\"']?([\w-]+)", view.tree.read_text(_UPDATE, _LIMIT) or "",
                         re.MULTILINE)
    if strategy is not None and strategy[1] == "off":
        return passed("coreos-cloudinit is installed, and updates do not restart the system", _UPDATE)
    return failed("updates restart the system", [place(_UPDATE)], cure=f"echo REBOOT_STRATEGY=off >> {_UPDATE}")
