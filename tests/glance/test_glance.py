"""The real Glance of the tests is one: it takes an image, and speaks to an ordinary member of a project."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path

import imageservice
from tools import glance_client, needs_glance

SAMPLE = Path(__file__).parent.parent.parent / "samples" / "debian-12-tiny.qcow2"


@needs_glance()
def test_it_takes_an_image(glance):
    created = imageservice.create(glance, {"name": "tiny", "disk_format": "qcow2", "container_format": "bare"})
    assert (created.status, created.document["status"]) == (201, "queued")

    assert imageservice.upload(glance, created.document["id"], SAMPLE).status == 204

    shown = imageservice.show(glance, created.document["id"]).document
    assert (shown["status"], shown["os_hash_algo"]) == ("active", "sha512")
    assert shown["os_hash_value"] == hashlib.sha512(SAMPLE.read_bytes()).hexdigest()


@needs_glance()
def test_its_policies_are_those_of_a_member(glance):
    assert imageservice.create(glance, {"visibility": "public"}).status == 403


@needs_glance()
def test_its_clients_need_no_token(glance):
    command = [glance_client("openstack"), "--os-auth-type", "none", "--os-endpoint", glance, "image", "list",
               "-f", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert isinstance(json.loads(done.stdout), list)
