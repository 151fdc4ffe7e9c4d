"""Who sets the server up at its first boot: readiness checks on cloud-init and what stands in its place.

"Installing Cloud-Init" and "Configuring Cloud-Init" name the files and the values; which of them nearly every stock
image has otherwise, the rules say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from imgbuild.guests import agents, cloudinit, osrelease
from imgbuild.guests.readiness.base import Answer, View, failed, not_applicable, passed, place, unknown
from imgbuild.guests.yamltext import truth

if TYPE_CHECKING:
    from collections.abc import Callable

    from imgbuild.guests.cloudinit import CloudInit, Setting
    from imgbuild.model import Place

_INSTALL = {"debian": "apt-get install cloud-init", "ubuntu": "apt-get install cloud-init",
            "suse": "zypper install cloud-init", "rhel": "dnf install cloud-init", "fedora": "dnf install cloud-init",
            "alpine": "apk add cloud-init && setup-cloud-init", "arch": "pacman -S cloud-init"}
_ENABLE = "systemctl enable cloud-init-local cloud-init cloud-config cloud-final"
_RED_HAT = frozenset({"centos", "rhel", "euleros", "openEuler", "rocky", "almalinux", "ol", "hce"})
_NETWORK = "/etc/sysconfig/network"
# What is tried without a list: the built-in one, which has OpenStack in it.
_SOURCE = "OpenStack"
_CONFIG_NETWORK_SINCE = (0, 7, 9)
_APPLY_SINCE = (18, 3)


def installed(view: View) -> Answer:
    """lin_cloud_init: cloud-init is installed and enabled, or another agent does its work."""
    found, agent = view.cloud_init, agents.other_than_cloud_init(view)
    if found.runs and found.program is not None:
        return passed(f"cloud-init{_version(found)}, enabled", found.program, found.service.path or "")
    if agent is not None:
        return passed(f"{agent.name} in place of cloud-init", *([agent.path] if agent.path else []))
    if found.program is None:
        return failed("cloud-init is not installed: only the password in the image gives access", (),
                      cure=next((_INSTALL[word] for word in _words(view) if word in _INSTALL), None))
    if found.off_by is not None:
        return failed(f"cloud-init is installed but turned off by {cloudinit.OFF_WORD} for the kernel",
                      [place(found.off_by.source, found.off_by.line or None, cloudinit.OFF_WORD)],
                      cure=f"take {cloudinit.OFF_WORD} out of the kernel's command line")
    if found.off is not None:
        return failed(f"cloud-init is installed but turned off by {found.off}", [place(found.off)],
                      cure=f"rm {found.off}")
    return _not_enabled(view, found)


def _not_enabled(view: View, found: CloudInit) -> Answer:
    service = found.service
    if service.state == "absent" and not view.units.has_any:
        return unknown("cloud-init is installed; what starts services was not seen", found.program or "")
    what = "masked" if service.state == "masked" else "not enabled"
    return failed(f"cloud-init is installed but {what}", [place(service.path or found.program or "/")],
                  cure=f"systemctl unmask {service.name}" if service.state == "masked" else _ENABLE)


def _version(found: CloudInit) -> str:
    return f" {'.'.join(map(str, found.version))}" if found.version else ""


def _words(view: View) -> tuple[str, ...]:
    return (view.system.id or "", *view.system.id_like)


def datasource(view: View) -> Answer:
    """lin_ci_datasource: OpenStack is among the data sources that cloud-init tries."""

    def judge(found: CloudInit) -> Answer:
        setting = found.get("datasource_list")
        sources = _strings(setting.value)
        if setting.value is None:
            return passed("no list of data sources: cloud-init tries all that it knows", cloudinit.MAIN)
        if _SOURCE in sources:
            return passed(f"{_SOURCE} is a data source", setting.path or cloudinit.MAIN)
        return failed(f"{_SOURCE} is not among the data sources: {', '.join(sources[:4]) or 'none'}",
                      [_place(found, setting)], cure=f"write datasource_list: [ {_SOURCE} ] in {setting.path}")

    return _of_cloud_init(view, judge)


def datasource_only(view: View) -> Answer:
    """lin_ci_datasource_only: no other data source is tried before or after OpenStack."""

    def judge(found: CloudInit) -> Answer:
        setting = found.get("datasource_list")
        sources = _strings(setting.value)
        others = [name for name in sources if name not in {_SOURCE, "None"}]
        if sources and not others:
            return passed("no other data source is tried", setting.path or cloudinit.MAIN)
        if sources and _SOURCE not in sources:
            return not_applicable(f"{_SOURCE} itself is not among the data sources")
        more = "1 more data source" if len(others) == 1 else f"{len(others)} more data sources"
        what = more if sources else "all data sources that it knows"
        return failed(f"cloud-init tries {what}, too", [_place(found, setting)],
                      cure=f"write datasource_list: [ {_SOURCE} ] in {setting.path or cloudinit.MAIN}")

    return _of_cloud_init(view, judge)


def network(view: View) -> Answer:
    """lin_ci_network: cloud-init leaves the network alone."""

    def judge(found: CloudInit) -> Answer:
        if found.version is not None and found.version < _CONFIG_NETWORK_SINCE:
            return not_applicable("cloud-init before 0.7.9 has no such setting")
        setting = found.get("network", "config")
        if setting.value == "disabled":
            return passed("cloud-init leaves the network alone", setting.path or cloudinit.MAIN)
        return failed("cloud-init configures the network", [_place(found, setting)],
                      cure=f"echo 'network: {{config: disabled}}' > {cloudinit.FOLDER}/99-disable-network.cfg, "
                           "where the guest itself asks for DHCP")

    return _of_cloud_init(view, judge)


def apply_network(view: View) -> Answer:
    """lin_ci_apply_network: what the data source says of the network is not applied."""

    def judge(found: CloudInit) -> Answer:
        if found.version is not None and found.version < _APPLY_SINCE:
            return not_applicable("cloud-init before 18.3 has no such setting")
        settings = (found.get("datasource", _SOURCE, "apply_network_config"), found.get("apply_network_config"))
        for setting in settings:
            if truth(setting.value) is False:
                return passed("apply_network_config is false", setting.path or cloudinit.MAIN)
        return failed("apply_network_config is not false", [_place(found, settings[0])],
                      cure=f"write datasource: {{{_SOURCE}: {{apply_network_config: false}}}} in {cloudinit.MAIN}")

    return _of_cloud_init(view, judge)


def etc_hosts(view: View) -> Answer:
    """lin_ci_etc_hosts: cloud-init keeps the name of the host in /etc/hosts on the loopback address."""

    def judge(found: CloudInit) -> Answer:
        setting = found.get("manage_etc_hosts")
        if setting.value == "localhost":
            return passed("manage_etc_hosts is localhost", setting.path or cloudinit.MAIN)
        return failed("manage_etc_hosts is not localhost", [_place(found, setting)],
                      cure=f"write manage_etc_hosts: localhost in {cloudinit.MAIN}")

    return _of_cloud_init(view, judge)


def ssh_first(view: View) -> Answer:
    """lin_ci_ssh_first: the module ssh runs first, and update_hostname runs."""

    def judge(found: CloudInit) -> Answer:
        setting = found.get("cloud_init_modules")
        modules = [name.replace("-", "_") for name in _strings(setting.value)]
        if not modules:
            return not_applicable("no list of modules: the built-in one is taken")
        if modules[0] == "ssh" and "update_hostname" in modules:
            return passed("ssh is the first module", setting.path or cloudinit.MAIN)
        what = f"{modules[0]} runs before ssh" if modules[0] != "ssh" else "update_hostname does not run"
        return failed(f"in cloud_init_modules {what}", [_place(found, setting)],
                      cure=f"make ssh the first of cloud_init_modules and keep update_hostname, in {setting.path}")

    return _of_cloud_init(view, judge)


def zeroconf(view: View) -> Answer:
    """lin_ci_zeroconf: no route for addresses without a server, which would hide that of the metadata."""
    if view.system.id not in _RED_HAT:
        return not_applicable("for CentOS, EulerOS and their kin")

    def judge(_: CloudInit) -> Answer:
        text = view.tree.read_text(_NETWORK, osrelease.LIMIT)
        value = osrelease.parse(text or "").get("NOZEROCONF", "")
        if value.lower() in {"yes", "true", "1"}:
            return passed("NOZEROCONF is set", _NETWORK)
        return failed("NOZEROCONF=yes is not set", [place(_NETWORK)], cure=f"echo NOZEROCONF=yes >> {_NETWORK}")

    return _of_cloud_init(view, judge)


def _of_cloud_init(view: View, judge: Callable[[CloudInit], Answer]) -> Answer:
    """Judge the settings of cloud-init, where it is installed and they can be read."""
    found = view.cloud_init
    if found.program is None and not found.files:
        return not_applicable("cloud-init is not installed")
    if found.unreadable is not None:
        return unknown(f"{found.unreadable.path} could not be read: {found.unreadable.reason}", found.unreadable.path)
    return judge(found)


def _strings(value: Any) -> list[str]:  # noqa: ANN401 - any value that YAML can say
    """Return the names in a list whose items are names, or tables and lists that begin with one."""
    items = value if isinstance(value, list) else [value] if isinstance(value, str) else []
    return [str(next(iter(item), "")) if isinstance(item, (list, dict)) else str(item) for item in items]


def _place(found: CloudInit, setting: Setting) -> Place:
    if setting.path is None:
        return place(cloudinit.MAIN)
    text = next(file.text for file in found.files if file.path == setting.path).split("\n")
    return place(setting.path, setting.line, None if setting.line is None else text[setting.line - 1])
