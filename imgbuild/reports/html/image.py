"""The facts of an image: what stands at the top of its part, the file, how it boots, which system, is it ready."""

from __future__ import annotations

from typing import TYPE_CHECKING

import htpy as h
import msgspec

from imgbuild.reports.html.elements import code, facts, lines, mark, more, section
from imgbuild.reports.page import counted, flat
from imgbuild.reports.text_container import (
    boot_answers,
    container_words,
    content_words,
    format_words,
    safety_words,
    size_words,
)
from imgbuild.sizes import human_size

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from imgbuild.documents.inspection import Inspection
    from imgbuild.documents.manifest import Route
    from imgbuild.model import GuestCheck, OperatingSystem, Place

_YES_NO = {True: ("good", "yes"), False: ("off", "no"), None: ("unknown", "not seen")}
_STATUSES = {"fail": ("warning", "Fails"), "unknown": ("unknown", "Not seen"), "pass": ("good", "Good"),
             "not-applicable": ("off", "-")}
_MOST_PLACES = 8


def write_glance(image: Inspection, route: Route | None) -> h.Element:
    """Return what most people want to know first, as four cards."""
    cards = [("System", _system_name(image.os), _system_details(image.os)),
             ("Image", format_words(image) if image.format else "not recognised", size_words(image)),
             ("Boots by", _boots(image), _secure_boot(image))]
    if route is not None:
        cards.append(("Way to the cloud", route.operation or "none carries this file", flat(route.why[:1])))
    return h.dl(".cards")[(h.div(".card")[h.dt[name], h.dd[h.strong[value], h.span[details] if details else None]]
                           for name, value, details in cards)]


def _system_name(system: OperatingSystem | None) -> str:
    if system is None:
        return "none found"
    return system.name or flat((system.id, system.version), " ") or "without a name"


def _system_details(system: OperatingSystem | None) -> str:
    if system is None:
        return ""
    known = _system_name(system)
    kernel = f"kernel {system.kernels[0]}" if system.kernels else None
    build = f"build {system.build}" if system.build else None
    further = (word for word in (system.edition, system.release) if word and word not in known)
    return flat((*further, build, system.architecture, kernel))


def _boots(image: Inspection) -> str:
    modes = flat((name for name, answer in (("BIOS", image.firmware.bios), ("UEFI", image.firmware.uefi)) if answer),
                 " and ")
    unseen = None in (image.firmware.bios, image.firmware.uefi)
    return modes or ("not seen" if unseen else "nothing")


def _secure_boot(image: Inspection) -> str:
    return f"Secure Boot: {_YES_NO[dict(boot_answers(image))['Secure Boot']][1]}"


def write_file(image: Inspection, level: int, prefix: str) -> h.Element:
    """Return the section on the file: format, sizes, checksums, what its header says."""
    safe, answers = safety_words(image)
    header = msgspec.json.format(msgspec.json.encode(image.container), indent=2).decode() if image.container else ""
    return section(
        level, f"{prefix}file", "File",
        facts(("Path", code(image.path)), ("Format", flat((format_words(image), container_words(image)))),
              ("Called by the cloud", image.disk_format),
              ("Size of the file", f"{human_size(image.size)} ({image.size} bytes)"),
              *((name, code(digest)) for name, digest in (image.checksums or {}).items()),
              *((words, code(digest)) for _, digest, words in content_words(image)),
              ("Safe" if safe else "Beware", answers if not (safe and image.problems) else None)),
        more("All fields of the header", lines(header.splitlines())) if header else None)


def write_system(image: Inspection, level: int, prefix: str) -> h.Element | None:
    """Return the section on boot modes and systems; ``None`` where nothing was looked into."""
    if not (image.partitions or image.volumes or image.firmware.why):
        return None
    return section(
        level, f"{prefix}boot", "Boot and system",
        h.ul(".modes")[(h.li[mark(_YES_NO[answer][0]) if _YES_NO[answer][0] != "off" else None, h.strong[name],
                             f" {_YES_NO[answer][1]}"] for name, answer in boot_answers(image))],
        h.ul[(h.li[reason] for reason in image.firmware.why)] if image.firmware.why else None,
        [_system(system) for system in (image.os, *image.other_os) if system is not None],
        h.p["No operating system was found."] if image.os is None else None)


def _system(system: OperatingSystem) -> h.Element | None:
    return facts(
        ("System", h.strong[_system_name(system)]), ("Release", flat((system.version, system.release), ", release ")),
        ("Edition", system.edition), ("Variant", system.variant),
        ("Build", str(system.build) if system.build else None),
        ("Architecture", system.architecture), ("Kernels", flat(system.kernels)),
        ("Log in as", code(system.default_user)), ("Agents", flat(system.agents)), ("Read from", code(system.source)))


def write_readiness(checks: Sequence[GuestCheck], level: int, prefix: str) -> h.Element | None:
    """Return the checklist: what is wrong first, what does not arise in this guest behind a fold."""
    if not checks:
        return None
    shown = sorted((check for check in checks if check.status != "not-applicable"),
                   key=lambda check: (list(_STATUSES).index(check.status), check.advice))
    idle = [check for check in checks if check.status == "not-applicable"]
    return section(level, f"{prefix}ready", "Will the guest come up?", h.p(".lead")[_counts(checks)],
                   h.ul(".checks")[(_check(check) for check in shown)],
                   more(f"{counted(len(idle), 'check')} that does not arise here" if len(idle) == 1 else
                        f"{len(idle)} checks that do not arise here",
                        h.ul(".checks")[(_check(check) for check in idle)]) if idle else None)


def _counts(checks: Sequence[GuestCheck]) -> str:
    numbers = {status: sum(check.status == status and not check.advice for check in checks) for status in _STATUSES}
    tips = sum(check.advice for check in checks)
    return flat((f"{numbers['fail']} failed" if numbers["fail"] else None, f"{numbers['pass']} good",
                 f"{numbers['unknown']} not seen" if numbers["unknown"] else None,
                 counted(tips, "tip") if tips else None))


def _check(check: GuestCheck) -> h.Element:
    kind, word = ("note", "Tip") if check.advice else _STATUSES[check.status]
    return h.li(class_=kind)[
        h.span(".status")[mark(kind) if kind != "off" else None, word],
        h.div[
            h.p[check.detail, [" ", h.span(".files")[_files(check)]] if check.files and not check.places else None],
            [_place(place, check.detail) for place in check.places[:_MOST_PLACES]],
            h.p(".faint")[f"and {len(check.places) - _MOST_PLACES} more"] if len(check.places) > _MOST_PLACES else None,
            h.p[h.span(".faint")["Cure: "], check.cure] if check.cure else None,
        ],
    ]


def _place(place: Place, detail: str) -> h.Element:
    where = place.path if place.line is None else f"{place.path}:{place.line}"
    return h.div(".place")[h.code(".faint")[where], lines([place.text]) if place.text else None,
                           h.p[place.says] if place.says not in (None, detail) else None]


def _files(check: GuestCheck) -> Iterator[h.Node]:
    for number, path in enumerate(check.files[:_MOST_PLACES]):
        yield from ((", " if number else ""), h.code[path])
    if len(check.files) > _MOST_PLACES:
        yield f" and {len(check.files) - _MOST_PLACES} more"
