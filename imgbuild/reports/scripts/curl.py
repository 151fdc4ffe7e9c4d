"""A bash script that makes the calls with curl, and reads the answers with jq.

curl(1): https://curl.se/docs/manpage.html. The token stands in no command line, where other users would see it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.reports.escape import visible
from imgbuild.reports.json import encode
from imgbuild.reports.scripts.bash import image_of, word
from imgbuild.reports.scripts.plan import plan
from imgbuild.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgbuild.documents.manifest import Manifest
    from imgbuild.profiles import Profile, Query
    from imgbuild.reports.scripts.plan import Call, Plan

_HEAD = """\
#!/usr/bin/env bash
# Brings {image} to {cloud}:
# {calls}.
# Written by imgbuild {version}; needs bash, curl and jq. Prints the id of the image once it is there.
#
#   {usage}
#
# IMGBUILD_MANIFEST=FILE has the answers compared with the manifest by imgbuild verify.
# IMAGE_WAIT and IMAGE_POLL are the seconds to wait at most, and between two looks.
set -euo pipefail

"""

_FUNCTIONS = """\
answer=$(mktemp)
trap 'rm -f "$answer"' EXIT

say() { printf '%s\\n' "$*" >&2; }

# call METHOD PATH STATUS [ARGUMENT OF CURL...]: makes a call and keeps its answer; another status ends the script.
call() {
  local method=$1 path=$2 wanted=$3 status
  shift 3
  : >"$answer"  # curl leaves the file alone where there is no answer to keep
  status=$(curl --silent --show-error --globoff --request "$method" --output "$answer" --write-out '%{http_code}' \\
    --header @<(printf 'X-Auth-Token: %s\\n' "$OS_TOKEN") "$@" "${ENDPOINT%/}$path")
  [ "$status" != "$wanted" ] || return 0
  say "$method $path: HTTP $status, not $wanted"
  cat "$answer" >&2
  exit 1
}

# look FILTER: prints what jq finds in the last answer; what is not there ends the script.
look() { jq --exit-status --raw-output "$1" "$answer" || { say "no $1 in the answer"; cat "$answer" >&2; exit 1; }; }

# await PATH DONE FAILED...: asks again and again until the status is one of these words.
await() {
  local path=$1 done=$2 status end=$((SECONDS + ${IMAGE_WAIT:-3600}))
  shift 2
  while true; do
    call GET "$path" 200
    status=$(look .status)
    [ "$status" != "$done" ] || return 0
    if [[ " $* " == *" $status "* ]]; then say "$path: $status"; cat "$answer" >&2; exit 1; fi
    if [ "$SECONDS" -ge "$end" ]; then say "$path: still $status"; exit 1; fi
    sleep "${IMAGE_POLL:-5}"
  done
}

# verify: compares the last answer with the manifest, where one is named.
verify() { [ -z "${IMGBUILD_MANIFEST:-}" ] || imgbuild verify "$IMGBUILD_MANIFEST" --response "$answer" >&2; }

"""


def render(manifest: Manifest, profile: Profile) -> str:
    """Return the script."""
    calls = plan(manifest, profile)
    return "".join((_head(manifest, calls), *_needs(calls), image_of(manifest) if calls.sends_file else "",
                    _FUNCTIONS.replace("ENDPOINT", calls.endpoint), *_body(calls)))


def _head(manifest: Manifest, calls: Plan) -> str:
    usage = f"OS_TOKEN=... {calls.endpoint}=https://... bash SCRIPT" + (" [IMAGE]" if calls.sends_file else "")
    return _HEAD.format(image=visible(manifest.image.path), cloud=manifest.cloud, version=__version__, usage=usage,
                        calls=", then ".join(f"{call.operation.method} {call.path}" for call in calls.calls))


def _needs(calls: Plan) -> Iterator[str]:
    """Yield a line for each variable without which the script does not begin."""
    yield f': "${{OS_TOKEN:?a token of the project}}" "${{{calls.endpoint}:?the address of the image service}}"\n'
    if calls.starts_job:
        yield ': "${OS_PROJECT_ID:?the id of the project}"\n'
    if calls.names_image and calls.image_id is None:
        yield ': "${IMAGE_ID:?the id that the answer of create-metadata gave}"\n'
    if calls.needs_address:
        yield ': "${IMAGE_URL:?where the file lies in the object store, BUCKET:KEY}"\n'


def _body(calls: Plan) -> Iterator[str]:
    if calls.names_image:
        yield f"id={'$IMAGE_ID' if calls.image_id is None else word(calls.image_id)}\n"
    for number, call in enumerate(calls.calls):
        yield from _call(call)
        if number == 0 and calls.makes_image:
            yield """id=$(look .id)\nsay "the image has the id $id"\nverify\n"""
    if calls.starts_job and calls.queries.job is not None:
        job = calls.queries.job.path.replace("{project_id}", "$OS_PROJECT_ID").replace("{job_id}", "$job")
        yield f'job=$(look .job_id)\nsay "the job is $job"\nawait "{job}" {_words(calls.queries.job)}\n'
        yield "" if calls.makes_image or calls.names_image else "id=$(look .entities.image_id)\n"
    image = calls.queries.image
    yield f'await "{_path(image.path)}" {_words(image)}\nverify\nprintf \'%s\\n\' "$id"\n'


def _call(call: Call) -> Iterator[str]:
    method, status = call.operation.method, call.operation.success_status
    head = f'call {method} "{_path(call.path)}" {status} --header '
    if call.is_upload:
        yield f"{head}{word(f'Content-Type: {call.operation.content_type}')} --upload-file \"$image\"\n"
    elif call.needs_address:
        yield (f"{head}'Content-Type: application/json' \\\n"
               "  --data-binary \"$(jq --null-input --arg url \"$IMAGE_URL\" '{image_url: $url}')\"\n")
    else:
        # Each line of the body begins with a brace or a space, so none can be the word that ends it.
        yield f"{head}'Content-Type: application/json' --data-binary @- <<'END_OF_REQUEST'\n"
        yield f"{encode(call.body).decode()}END_OF_REQUEST\n"


def _words(query: Query) -> str:
    return " ".join(map(word, (query.done, *query.failed)))


def _path(path: str) -> str:
    """Return a path for double quotes; what was chosen for it is of letters, digits and ``._~-`` alone."""
    return path.replace("{image_id}", "$id")
