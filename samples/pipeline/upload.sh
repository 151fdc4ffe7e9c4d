#!/usr/bin/env bash
# The last steps of a pipeline: from a disk that was just built to an image in the cloud that is known to be the same.
#
#   OS_TOKEN=... GLANCE_ENDPOINT=https://... samples/pipeline/upload.sh disk.qcow2 out
#
# IMGBUILD_CLOUD names another cloud than openstack; its script then says which address it wants.
# Needs imgbuild, bash, curl and jq. Leaves in the folder out: manifest.json, findings.sarif, send.sh and answer.json.
# Any step that fails ends the pipeline; until the last but one nothing has left this machine.
set -euo pipefail

image=$1
out=$2
export IMGBUILD_CLOUD=${IMGBUILD_CLOUD:-openstack}
mkdir -p "$out"

# Is it whole, safe, and will its guest boot there? One pass over the file: facts, request, findings.
imgbuild check "$image" --manifest "$out/manifest.json" --format text --format "sarif=$out/findings.sarif"

# Disk and manifest may have waited for a review, or been copied: is it still the disk of the manifest?
imgbuild verify "$out/manifest.json" "$image"

# The calls, to be read before they are made. The manifest makes them compare each answer with what was foretold.
imgbuild build "$image" --script curl -o "$out/send.sh"
id=$(IMGBUILD_MANIFEST="$out/manifest.json" bash "$out/send.sh" "$image")

# What the service has now, kept beside the manifest, and held against it once more.
curl --silent --show-error --fail --header @<(printf 'X-Auth-Token: %s\n' "$OS_TOKEN") \
  --output "$out/answer.json" "${GLANCE_ENDPOINT:-$IMS_ENDPOINT}/v2/images/$id"
imgbuild verify "$out/manifest.json" --response "$out/answer.json"
printf '%s\n' "$id"
