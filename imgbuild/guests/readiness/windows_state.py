"""In which state Windows was left: generalized or not, hibernated or not, with the logs of the machine it was built on.

    SOFTWARE, Microsoft, Windows, CurrentVersion, Setup, State: ImageState, which Setup/State/State.ini repeats
    System32/Sysprep/Sysprep_succeeded.tag: Sysprep has ended well at some time
    hiberfil.sys: begins with HIBR while a session is kept in it (also by fast startup)
    winevt/Logs: event logs, "ElfFile" and a zero, at 42 (2): number of blocks of 64 KiB

Windows Setup States, https://learn.microsoft.com/windows-hardware/manufacture/desktop/windows-setup-states
The event log format, https://github.com/libyal/libevtx/blob/main/documentation/Windows%20XML%20Event%20Log%20(EVTX).asciidoc
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.guests.readiness.base import failed, not_applicable, passed, place, unknown
from imgbuild.guests.readiness.windows_base import registry_of, software, value_at

if TYPE_CHECKING:
    from imgbuild.guests.readiness.base import Answer, View
    from imgbuild.model import Place

_STATE = "Microsoft\\Windows\\CurrentVersion\\Setup\\State"
_GENERALIZED = ("IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE", "IMAGE_STATE_GENERALIZE_RESEAL_TO_AUDIT",
                "IMAGE_STATE_SPECIALIZE_RESEAL_TO_OOBE")
_SYSPREP = "%WINDIR%\\system32\\sysprep\\sysprep.exe /generalize /oobe /shutdown"
_HIBERFIL = "/hiberfil.sys"
_SESSIONS = (b"HIBR", b"hibr")
_LOGS = ("Application", "Security", "System")
_LOG_HEAD = 128


def generalized(view: View) -> Answer:
    """win_sysprep: Sysprep took the machine's own identity out, and the machine was not started since."""
    root = registry_of(view).root
    key = software(view, _STATE)
    written = key.text("ImageState") if key is not None else None
    ini, tag = f"{root}/Setup/State/State.ini", f"{root}/System32/Sysprep/Sysprep_succeeded.tag"
    repeated = _state_in(view.tree.read(ini, 4096) or b"")
    state = written or repeated
    if state is None:
        found = view.tree.is_file(tag)
        return passed("Sysprep has ended well", tag) if found else unknown("the guest does not say in which state Setup"
                                                                           " left it")
    if state in _GENERALIZED:
        return passed(f"the system is generalized ({state})", key.path if key is not None and written else ini)
    at = value_at(key, "ImageState", state) if key is not None and written else place(ini)
    return failed(f"the system is not generalized ({state})", [at], cure=_SYSPREP)


def _state_in(raw: bytes) -> str | None:
    encoding = "utf-16" if raw[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig"
    lines = (line.partition("=") for line in raw.decode(encoding, "replace").splitlines())
    return next((value.strip() for name, _, value in lines if name.strip().casefold() == "imagestate"), None)


def hibernated(view: View) -> Answer:
    """win_hibernation: no session is kept in hiberfil.sys, which another machine cannot take up."""
    head = view.tree.read(_HIBERFIL, 4)
    if head is None:
        return passed("hibernation and fast startup are off")
    if head in _SESSIONS:
        return failed("Windows is hibernated: hiberfil.sys keeps a session", [place(_HIBERFIL)],
                      cure="powercfg /h off, then shutdown /s /t 0")
    return passed("hiberfil.sys keeps no session", _HIBERFIL)


def logs(view: View) -> Answer:
    """win_logs: the event logs were cleared: each has no more than the one block that it begins with."""
    folder = f"{registry_of(view).root}/System32/winevt/Logs"
    heads = {name: view.tree.read(f"{folder}/{name}.evtx", _LOG_HEAD) for name in _LOGS}
    if not any(heads.values()):
        return not_applicable("there are no event logs")
    full: list[Place] = [place(f"{folder}/{name}.evtx", says=f"the event log {name} has {blocks} blocks of 64 KiB")
                         for name, head in heads.items() if (blocks := _blocks(head)) > 1]
    if full:
        return failed("the event logs of the machine that the image was built on are left", full,
                      cure="wevtutil el | ForEach-Object { wevtutil cl $_ }, in PowerShell as administrator")
    return passed("the event logs are as good as empty", folder)


def _blocks(head: bytes | None) -> int:
    return int.from_bytes(head[42:44], "little") if head is not None and head.startswith(b"ElfFile\0") else 0
