"""Will the guest come up in the cloud: a guest in, one fact for each readiness check out.

The ids of the checks are those of the guest rules (``rules/common/guest_*.toml``), which say how bad a failure is, who
asks for it, and how to cure it. A new check is a function ``View -> Answer`` in one of these modules and one line here,
or for Windows in ``windows.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.guests.readiness import (
    access,
    agent,
    bootline,
    fstab,
    growth,
    kernel,
    leftovers,
    netnames,
    network,
    platform,
    virtio,
)
from imgbuild.guests.readiness.base import Answer, View, unknown
from imgbuild.model import GuestCheck
from imgbuild.readers import BrokenImage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["LINUX", "View", "checks_of", "examine", "unseen"]

LINUX: dict[str, Callable[[View], Answer]] = {
    "lin_virtio": virtio.virtio,
    "lin_virtio_scsi": virtio.scsi,
    "lin_ide": virtio.ide,
    "lin_kernel_version": kernel.version,
    "lin_multiqueue": kernel.multiqueue,
    "lin_udev_rules": netnames.udev_rules,
    "lin_grub_uuid": bootline.by_uuid,
    "lin_boot_ids": bootline.on_this_disk,
    "lin_console": bootline.console,
    "lin_fstab_uuid": fstab.by_uuid,
    "lin_dhcp": network.dhcp,
    "lin_dhcp_persistent": network.persistent,
    "lin_nic_bound": network.bound,
    "lin_ipv6": network.ipv6,
    "lin_networkmanager": network.network_manager,
    "lin_cloud_init": agent.installed,
    "lin_ci_datasource": agent.datasource,
    "lin_ci_datasource_only": agent.datasource_only,
    "lin_ci_zeroconf": agent.zeroconf,
    "lin_ci_network": agent.network,
    "lin_ci_apply_network": agent.apply_network,
    "lin_ci_etc_hosts": agent.etc_hosts,
    "lin_ci_ssh_first": agent.ssh_first,
    "lin_ci_root_login": access.root_login,
    "lin_ci_clean": leftovers.cloud_init_state,
    "lin_ssh": access.ssh,
    "lin_sshd_password": access.password,
    "lin_user_linux": access.user_linux,
    "lin_password_age": access.password_age,
    "lin_reset_plugin": access.reset_plugin,
    "lin_machine_id": leftovers.machine_id,
    "lin_ssh_host_keys": leftovers.host_keys,
    "lin_random_seed": leftovers.random_seed,
    "lin_clean": leftovers.personal,
    "lin_logs": leftovers.logs,
    "lin_fstab_no_data": fstab.no_data,
    "lin_no_data_disks": fstab.no_data_disks,
    "lin_lvm": fstab.lvm,
    "lin_growpart": growth.growpart,
    "lin_root_last": growth.root_last,
    "lin_pv_driver": platform.pv_driver,
    "lin_third_party_tools": platform.third_party_tools,
    "lin_coreos": platform.coreos,
}

ADVICE = frozenset({
    "lin_ci_apply_network", "lin_ci_datasource_only", "lin_ci_etc_hosts", "lin_ci_network", "lin_ci_root_login",
    "lin_ci_ssh_first", "lin_ci_zeroconf", "lin_console", "lin_dhcp_persistent", "lin_growpart", "lin_ide",
    "lin_ipv6", "lin_logs", "lin_multiqueue", "lin_networkmanager", "lin_no_data_disks", "lin_password_age",
    "lin_random_seed", "lin_reset_plugin", "lin_root_last", "lin_sshd_password", "lin_user_linux", "win_clock",
    "win_logs", "win_reset_plugin", "win_san", "win_sysprep",
})
"""The checks whose rule is a note: guests that fail them come up all the same."""


def examine(view: View) -> tuple[GuestCheck, ...]:
    """Return the fact of each check for the view's system; none for systems that no document speaks of."""
    return tuple(_fact(name, _ask(check, view)) for name, check in checks_of(view.system.type).items())


def unseen(os_type: str, reason: str) -> tuple[GuestCheck, ...]:
    """Return the facts of a guest whose files cannot be read at all: unknown, each for that reason."""
    return tuple(_fact(name, unknown(reason)) for name in checks_of(os_type))


def checks_of(os_type: str | None) -> Mapping[str, Callable[[View], Answer]]:
    """Return the checks for systems of a type by their ids."""
    if os_type == "Windows":
        from imgbuild.guests.readiness.windows import CHECKS  # noqa: PLC0415 - most guests are of another type

        return CHECKS
    return LINUX if os_type == "Linux" else {}


def _ask(check: Callable[[View], Answer], view: View) -> Answer:
    try:
        return check(view)
    except BrokenImage as broken:
        return unknown(f"could not be read: {broken.problem.message}")


def _fact(name: str, answer: Answer) -> GuestCheck:
    return GuestCheck(check=name, status=answer.status, detail=answer.detail, files=answer.files,
                      places=answer.places, cure=answer.cure, advice=answer.status == "fail" and name in ADVICE)
