"""Cloudbase-Init, which brings name, password and user data to a Windows guest: installed, started, and how it is set.

    Program Files, Cloudbase Solutions, Cloudbase-Init, conf, cloudbase-init.conf: an INI file
    SYSTEM, the control set, Services, cloudbase-init: Start, ObjectName (the account that it runs as)

https://cloudbase-init.readthedocs.io/en/latest/config.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from imgbuild.guests.readiness.base import failed, not_applicable, passed, place
from imgbuild.guests.readiness.windows_base import AUTOMATIC, service, value_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgbuild.guests.readiness.base import Answer, View
    from imgbuild.model import Place

_PROGRAMS = ("/Program Files", "/Program Files (x86)")
_CONFIGURATION = "Cloudbase Solutions/Cloudbase-Init/conf/cloudbase-init.conf"
_LIMIT = 64 * 1024
_AVOIDED = ("ConfigWinRMListenerPlugin", "ConfigWinRMCertificateAuthPlugin")
_SERVICE = "cloudbaseinit.metadata.services.httpservice.HttpService"
_NAMES = "netbios_host_name_compatibility"


def installed(view: View) -> Answer:
    """win_cloudbase: Cloudbase-Init is installed, and started by itself with the account that its setup makes."""
    path, key = _path(view), service(view, "cloudbase-init")
    if key is None:
        what = "is not installed" if path is None else "has a configuration, but no service"
        return failed(f"Cloudbase-Init {what}", [place(path)] if path else [],
                      cure="install CloudbaseInitSetup_1_1_2_x64.msi, without its service running as LocalSystem")
    if key.number("Start") != AUTOMATIC:
        return failed(f"Cloudbase-Init is not started by itself (Start is {key.number('Start')}, not 2)",
                      [value_at(key, "Start", key.number("Start"))], cure="sc.exe config cloudbase-init start= auto")
    if (key.text("ObjectName") or "").casefold() == "localsystem":
        return failed("Cloudbase-Init runs as LocalSystem", [value_at(key, "ObjectName", "LocalSystem")],
                      cure='install it again, without "Run Cloudbase-Init service as LocalSystem"')
    return passed("Cloudbase-Init is installed and started by itself", key.path, *((path,) if path else ()))


def configured(view: View) -> Answer:
    """win_cb_conf: its configuration has what the cloud needs, and nothing that the cloud does not offer."""
    path = _path(view)
    if path is None:
        return not_applicable("there is no configuration of Cloudbase-Init")
    wrong = list(_faults(_parsed(view.tree.read(path, _LIMIT) or b""), path))
    if wrong:
        return failed(wrong[0].says or "", wrong, cure="write the entries anew and restart the service cloudbase-init")
    return passed("the entries of cloudbase-init.conf are as the cloud needs them", path)


def user_of(view: View) -> str | None:
    """Return the user that the agent makes, where it is started and its configuration names one."""
    path, key = _path(view), service(view, "cloudbase-init")
    if path is None or key is None or key.number("Start") != AUTOMATIC:
        return None
    entry = _parsed(view.tree.read(path, _LIMIT) or b"").get("username")
    return entry.value if entry is not None else None


def _path(view: View) -> str | None:
    paths = (f"{folder}/{_CONFIGURATION}" for folder in _PROGRAMS)
    return next((path for path in paths if view.tree.is_file(path)), None)


class _Entry(NamedTuple):
    """A setting: its line, that line, and its value with the lines that carry it on."""

    line: int
    text: str
    value: str


def _parsed(raw: bytes) -> dict[str, _Entry]:
    """Return the settings of the section DEFAULT; the last of two counts, as oslo.config has it."""
    encoding = "utf-16" if raw[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig"
    found: dict[str, _Entry] = {}
    section, last = "DEFAULT", None
    for number, line in enumerate(raw.decode(encoding, "replace").splitlines(), 1):
        name, equals, value = (part.strip() for part in line.partition("="))
        if line.startswith("["):
            section, last = line.strip("[] \t"), None
        elif not line.strip() or line.lstrip()[0] in "#;":
            continue
        elif line[0].isspace() and last is not None:
            found[last] = found[last]._replace(value=f"{found[last].value},{line.strip()}")
        elif equals and section.upper() == "DEFAULT":
            found[name], last = _Entry(number, line, value), name
    return found


def _faults(settings: dict[str, _Entry], path: str) -> Iterator[Place]:
    names = settings.get(_NAMES)
    if names is None:
        yield place(path, says=f"{_NAMES} is not false: names over 15 characters are cut")
    elif names.value.casefold() not in {"false", "0", "no", "off"}:
        yield place(path, names.line, names.text, f"{_NAMES} is {names.value}: names over 15 characters are cut")
    services = settings.get("metadata_services")
    if services is not None and _SERVICE not in _words(services):
        yield place(path, services.line, services.text, "metadata_services does not name HttpService, which is what the"
                                                        " cloud offers")
    plugins = settings.get("plugins")
    words = _words(plugins) if plugins is not None else ()
    avoided = [name for name in _AVOIDED if any(word.endswith(name) for word in words)]
    if plugins is not None and avoided:
        yield place(path, plugins.line, plugins.text, f"plugins names {avoided[0]}, which the guide leaves out")


def _words(entry: _Entry) -> tuple[str, ...]:
    return tuple(word.strip() for word in entry.value.split(","))
