"""Entries for the image catalogues that operators of OpenStack keep: a manifest in, the entry for one of them out.

``image-manager`` is a list of images in YAML, https://github.com/osism/openstack-image-manager; ``orc`` has an object
of Kubernetes for each, https://github.com/k-orc/openstack-resource-controller. Which of Glance's properties have a
place there, and which values, stands in ``rules/catalogues/``. Where the file can be downloaded from, and who logs in,
only a person knows.
"""

from __future__ import annotations

import os
import re
from typing import Any

import msgspec

from imgbuild.documents.manifest import Manifest  # noqa: TC001 - msgspec reads the annotation
from imgbuild.errors import ImgbuildError, UsageError
from imgbuild.rulebook.packs import chain_of, folder, read_toml
from imgbuild.yamltext import Said, written

NAMES = ("image-manager", "orc")
_NO_NAME = re.compile(r"[^a-z0-9]+")
_LONGEST_NAME = 63


class _Vocabulary(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a catalogue has places for; ``neutral`` are values for what is ``mandatory`` and nobody said."""

    title: str
    url: str
    date: str
    formats: tuple[str, ...]
    schemes: tuple[str, ...]
    properties: dict[str, str]
    allowed: dict[str, tuple[str, ...]]
    mandatory: tuple[str, ...] = ()
    neutral: dict[str, str] = {}


class Asked(msgspec.Struct, frozen=True):
    """What only a person knows: where the file can be downloaded from, and who logs in."""

    url: str
    login: str | None = None


def vocabulary(name: str) -> _Vocabulary:
    """Return what a catalogue has places for; raises UsageError where there is none of that name."""
    if name not in NAMES:
        raise UsageError(f"no catalogue {name!r}", cure=f"one of: {', '.join(NAMES)}")
    return msgspec.convert(read_toml(os.path.join(folder(), "catalogues", f"{name}.toml")), _Vocabulary)


def entry(name: str, manifest: Manifest, asked: Asked) -> str:
    """Return the entry of an image for a catalogue.

    Raises:
        UsageError: Something is missing that only a person knows, or what is given is none that the catalogue knows.
        ImgbuildError: The catalogue cannot have such an image.
    """
    known = vocabulary(name)
    scheme = asked.url.partition(":")[0]
    if scheme not in known.schemes:
        raise UsageError(f"--url {asked.url!r} is no address for {name}", cure=f"one of: {', '.join(known.schemes)}")
    _check(name, manifest, known)
    if name == "orc":
        return written(_object(manifest, asked, known))
    return written({"images": [_entry(manifest, asked, known)]})


def _check(name: str, manifest: Manifest, known: _Vocabulary) -> None:
    body = manifest.request.body
    if "openstack" not in chain_of(manifest.cloud):
        raise UsageError(f"{name} is a catalogue of OpenStack, and the request is for {manifest.cloud}",
                         cure="add --cloud openstack, or --cloud scs")
    if body.get("disk_format") not in known.formats:
        raise ImgbuildError(f"{name} takes no {body.get('disk_format')} images",
                            cure=f"convert it to one of: {', '.join(known.formats)}")
    if not (manifest.image.checksums or {}).get("sha256"):
        raise UsageError(f"an entry of {name} has a checksum", cure="leave out --no-checksum")


def _entry(manifest: Manifest, asked: Asked, known: _Vocabulary) -> dict[str, Any]:
    """Return an entry of openstack-image-manager."""
    body, system = manifest.request.body, manifest.image.os
    login = asked.login or body.get("image_original_user") or (system.default_user if system is not None else None)
    if not login:
        raise UsageError("who logs in is not known from the image", cure="--login NAME")
    release = (system.release or system.version) if system is not None else None
    digest = _digest(manifest)
    version = {"version": release or digest[:12], "url": asked.url, "checksum": f"sha256:{digest}"}
    return {"name": body["name"], "enable": True, "format": body["disk_format"], "login": login,
            "min_disk": body.get("min_disk", 0), "min_ram": body.get("min_ram", 0), "status": "active",
            "visibility": body.get("visibility", "private"), "multi": False, "meta": _properties(body, known),
            "tags": list(body.get("tags", ())), "versions": [version]}


def _object(manifest: Manifest, asked: Asked, known: _Vocabulary) -> dict[str, Any]:
    """Return an Image of ORC."""
    body = manifest.request.body
    download = {"url": asked.url, "hash": {"algorithm": "sha256", "value": _digest(manifest)}}
    least = {"minDiskGB": body.get("min_disk"), "minMemoryMB": body.get("min_ram")}
    resource = {
        "name": body["name"].replace(",", " "), "protected": body.get("protected", False),
        "tags": list(body.get("tags", ())), "visibility": body.get("visibility", "private"),
        "properties": {key: value for key, value in least.items() if value} | _properties(body, known),
        "content": {"containerFormat": body["container_format"], "diskFormat": body["disk_format"],
                    "download": download}}
    return {"apiVersion": "openstack.k-orc.cloud/v1alpha1", "kind": "Image",
            "metadata": {"name": _object_name(body["name"])},
            "spec": {"cloudCredentialsRef": {"cloudName": Said("openstack", "as in the guide of ORC: yours may differ"),
                                             "secretName": Said("openstack-clouds", "as above")},
                     "managementPolicy": "managed", "resource": resource}}


def _properties(body: dict[str, Any], known: _Vocabulary) -> dict[str, Any]:
    """Return the properties that have a place, at their places; a mandatory one that is not known gets its neutral."""
    found: dict[str, Any] = {}
    for name, place in known.properties.items():
        value = body.get(name)
        if value is not None and name in known.allowed and _word(value) not in known.allowed[name]:
            if name in known.mandatory:
                raise UsageError(f"{name} {value!r} is none that the catalogue knows",
                                 cure=f"--set {name}= with one of: {', '.join(known.allowed[name])}")
            continue
        if value is None and name in known.mandatory:
            if name not in known.neutral:
                raise UsageError(f"{name} is not known from the image", cure=f"--set {name}=VALUE")
            value = Said(known.neutral[name], "nobody said: --set says otherwise")
        if value is not None:
            _put(found, place.split("."), _word(value) == "yes" if name == "hw_qemu_guest_agent" else value)
    return found


def _put(found: dict[str, Any], place: list[str], value: object) -> None:
    for part in place[:-1]:
        found = found.setdefault(part, {})
    found[place[-1]] = value


def _word(value: object) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _digest(manifest: Manifest) -> str:
    return (manifest.image.checksums or {})["sha256"]


def _object_name(name: str) -> str:
    """Return a name of Kubernetes, https://kubernetes.io/docs/concepts/overview/working-with-objects/names/."""
    return _NO_NAME.sub("-", name.lower()).strip("-")[:_LONGEST_NAME].strip("-") or "image"
