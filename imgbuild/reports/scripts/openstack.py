"""A bash script that makes the image with OpenStack's own client: one ``openstack image create`` with all properties.

https://docs.openstack.org/python-openstackclient/latest/cli/command-objects/image-v2.html (2026-11). The client makes
metadata and sends the file for them; the calls that a cloud has beside these are unknown to it, and so are formats that
only one cloud has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from imgbuild.errors import ImgbuildError
from imgbuild.reports.escape import visible
from imgbuild.reports.scripts.bash import image_of, word
from imgbuild.reports.scripts.plan import plan
from imgbuild.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgbuild.documents.manifest import Manifest
    from imgbuild.profiles import Profile, Query
    from imgbuild.reports.scripts.plan import Plan

_CREATE = "/v2/images"
# The words that --disk-format takes; the client refuses others before it asks the server.
_FORMATS = frozenset({"ami", "ari", "aki", "vhd", "vmdk", "raw", "qcow2", "vhdx", "vdi", "iso", "ploop"})
_VISIBILITIES = frozenset({"public", "private", "community", "shared"})
_OPTIONS = {"disk_format": "--disk-format", "container_format": "--container-format", "min_disk": "--min-disk",
            "min_ram": "--min-ram", "id": "--id"}

_HEAD = """\
#!/usr/bin/env bash
# Makes an image of {image} on {cloud} with the client of OpenStack.
# Written by imgbuild {version}; needs bash and python-openstackclient. Prints the id of the image once it is there.
#
#   OS_CLOUD=... bash SCRIPT [IMAGE]
#
# IMAGE_WAIT and IMAGE_POLL are the seconds to wait at most, and between two looks.
set -euo pipefail

"""

_TAIL = """\
printf '%s\\n' "the image has the id $id" >&2

# show COLUMN: prints what the service has in it now.
show() {{ openstack image show -f value -c "$1" "$id"; }}

end=$((SECONDS + ${{IMAGE_WAIT:-3600}}))
while true; do
  status=$(show status)
  [ "$status" != {done} ] || break
  if [[ " {failed} " == *" $status "* ]] || [ "$SECONDS" -ge "$end" ]; then
    printf '%s\\n' "the image is $status" >&2
    exit 1
  fi
  sleep "${{IMAGE_POLL:-5}}"
done
{compare}printf '%s\\n' "$id"
"""

_MD5 = """\
checksum=$(show checksum)  # None where a service leaves it out
if [ "$checksum" != {md5} ] && [ "$checksum" != None ]; then
  printf '%s\\n' "the service has another file: its MD5 is $checksum" >&2
  exit 1
fi
"""
_SHA512 = """\
if ! openstack image show -f json -c properties "$id" | grep -qF {words}; then
  printf '%s\\n' "the service has another file: its SHA-512 differs" >&2
  exit 1
fi
"""


def render(manifest: Manifest, profile: Profile) -> str:
    """Return the script; raises ImgbuildError for what the client cannot do."""
    calls = plan(manifest, profile)
    _check(manifest, calls)
    arguments = " \\\n  ".join((*map(word, _arguments(manifest.request.body)), '--file="$image"', "-f value -c id"))
    name = word(manifest.request.body["name"])
    head = _HEAD.format(image=visible(manifest.image.path), cloud=manifest.cloud, version=__version__)
    create = f"id=$(openstack image create \\\n  {arguments} \\\n  -- {name})\n"
    return head + image_of(manifest) + create + _tail(manifest, calls.queries.image)


def _check(manifest: Manifest, calls: Plan) -> None:
    body, first = manifest.request.body, calls.calls[0]
    if first.path != _CREATE or not calls.calls[-1].is_upload:
        names = " and ".join(call.operation.id for call in calls.calls)
        raise _refused(f"openstack has no command for {names}")
    if body.get("disk_format") not in {None, *_FORMATS}:
        raise _refused(f"openstack takes no disk_format {body['disk_format']!r}")
    if not isinstance(body.get("name"), str):
        raise _refused("openstack makes no image without a name")
    if body.get("visibility") not in {None, *_VISIBILITIES}:
        raise _refused(f"openstack has no word for the visibility {body['visibility']!r}")
    for key, value in _properties(body).items():
        if "=" in key or not key or not isinstance(value, str):
            raise _refused(f"openstack cannot set the property {key!r} to {value!r}")


def _refused(what: str) -> ImgbuildError:
    return ImgbuildError(f"no script: {what}", cure="--script curl and --script python send any request")


def _properties(body: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in body.items() if key not in {*_OPTIONS, "name", "tags", "protected",
                                                                    "visibility"}}


def _arguments(body: dict[str, Any]) -> Iterator[str]:
    """Yield the options; each is one word, so that no value is taken for an option."""
    for key, option in _OPTIONS.items():
        if key in body:
            yield f"{option}={body[key]}"
    if "visibility" in body:
        yield f"--{body['visibility']}"
    if "protected" in body:
        yield "--protected" if body["protected"] else "--unprotected"
    yield from (f"--tag={tag}" for tag in body.get("tags", ()))
    yield from (f"--property={key}={value}" for key, value in _properties(body).items())


def _tail(manifest: Manifest, query: Query) -> str:
    digests = manifest.image.checksums or {}
    compare = _MD5.format(md5=word(digests["md5"])) if "md5" in digests else ""
    if "sha512" in digests:
        compare += _SHA512.format(words=word(f'"os_hash_value": "{digests["sha512"]}"'))
    return _TAIL.format(done=word(query.done), failed=" ".join(query.failed), compare=compare)
