"""What pycdlib reads otherwise: our reader's facts and its answer in, at most one problem out.

A disc that two readers see differently was made to be seen differently, or is damaged where only one of them looks. A
refusal is no disagreement: pycdlib refuses media that firmware boots.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from imgbuild.model import Problem, View
from imgbuild.readers import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from imgbuild.documents.inspection import Inspection
    from imgbuild.documents.run import DiscWitness

_ENTRY = ("platform", "bootable", "sector_count", "load_rba")


def compare(image: Inspection, said: DiscWitness) -> tuple[Problem, ...]:
    """Return the problems of the image, and one more where the two readers differ."""
    differences = list(_differences(image.container, said)) if said.answered and image.format == "iso" else []
    if not differences:
        return image.problems
    ours, theirs = "; ".join(here for _, here, _ in differences), "; ".join(there for _, _, there in differences)
    message = "; ".join(f"{what}: {here} here, {there} there" for what, here, there in differences)
    views = (View(who="imgbuild", format="iso", words=ours), View(who="pycdlib", format="iso", words=theirs))
    return (*image.problems, Problem(code="pycdlib-disagrees", views=views,
                                     message=f"pycdlib {said.found} reads this disc differently ({message})"))


def _differences(header: Mapping[str, Any], said: DiscWitness) -> Iterator[tuple[str, str, str]]:
    if "volume_space_size" in header:
        if header.get("volume_id") != said.volume_id:
            yield "volume identifier", quoted(header.get("volume_id") or ""), quoted(said.volume_id or "")
        if header["volume_space_size"] != said.volume_space_size:
            yield "blocks", str(header["volume_space_size"]), str(said.volume_space_size)
    ours = tuple(_without_more(entry) for entry in header.get("el_torito") or ())
    if ours != tuple(_without_more(entry) for entry in said.el_torito):
        yield "boot entries", _entries(ours), _entries(said.el_torito)
    if said.names_only_here or said.names_only_there:
        yield "names in the root that only one of both has", _list(said.names_only_here), _list(said.names_only_there)


def _without_more(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {name: entry.get(name) for name in _ENTRY}


def _entries(entries: tuple[Mapping[str, Any], ...]) -> str:
    return ", ".join(f"{entry['platform']} at sector {entry['load_rba']}" for entry in entries[:4]) or "none"


def _list(names: tuple[str, ...]) -> str:
    return ", ".join(map(quoted, names)) or "none"
