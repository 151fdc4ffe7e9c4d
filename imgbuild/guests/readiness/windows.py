"""The readiness checks of Windows: their table, and what is said of values in a hive that was not written whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from imgbuild.guests.readiness import (
    windows_access,
    windows_agent,
    windows_disks,
    windows_drivers,
    windows_network,
    windows_state,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from imgbuild.guests.readiness.base import Answer, View

_CHECKS: dict[str, Callable[[View], Answer]] = {
    "win_dhcp": windows_network.dhcp,
    "win_virtio": windows_drivers.virtio,
    "win_pv": windows_drivers.foreign_tools,
    "win_rdp": windows_access.remote_desktop,
    "win_cloudbase": windows_agent.installed,
    "win_cb_conf": windows_agent.configured,
    "win_san": windows_disks.san_policy,
    "win_clock": windows_disks.clock,
    "win_sysprep": windows_state.generalized,
    "win_domain": windows_network.domain,
    "win_logs": windows_state.logs,
    "win_reset_plugin": windows_access.reset_plugin,
    "win_hibernation": windows_state.hibernated,
}
_OF_FILES = frozenset({"win_pv", "win_cb_conf", "win_logs", "win_hibernation"})
"""What does not come from the registry."""


def _doubted(check: Callable[[View], Answer]) -> Callable[[View], Answer]:
    """Return the check with a doubt on its answer where a hive lacks changes that are in its logs."""
    def ask(view: View) -> Answer:
        answer = check(view)
        if answer.status not in {"pass", "fail"} or not _is_dirty(view):
            return answer
        return msgspec.structs.replace(answer, detail=f"{answer.detail} (or so before the changes in the hive's logs)")
    return ask


def _is_dirty(view: View) -> bool:
    registry = view.guest.registry
    hives = () if registry is None else (registry.software, registry.system)
    return any(hive is not None and hive.dirty for hive in hives)


CHECKS: dict[str, Callable[[View], Answer]] = {
    name: check if name in _OF_FILES else _doubted(check) for name, check in _CHECKS.items()
}
