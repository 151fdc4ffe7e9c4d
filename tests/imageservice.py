"""Speak to an image service as a plain HTTP client does: a call in, status and JSON answer out."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path


class Answer(NamedTuple):
    """What the server said: ``document`` is the JSON object, ``None`` where it sent none; ``text`` the body."""

    status: int
    document: Any
    text: str


def send(url: str, method: str, path: str, body: bytes | None = None, kind: str = "application/json") -> Answer:
    request = urllib.request.Request(url + path, data=body, method=method, headers={"Content-Type": kind})  # noqa: S310 - a server of the tests
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - as above
            return _read(answer.status, answer.read())
    except urllib.error.HTTPError as error:
        return _read(error.code, error.read())


def _read(status: int, data: bytes) -> Answer:
    text = data.decode(errors="replace")
    try:
        return Answer(status, json.loads(text), text)
    except ValueError:
        return Answer(status, None, text)


def create(url: str, body: dict[str, Any]) -> Answer:
    return send(url, "POST", "/v2/images", json.dumps(body).encode())


def upload(url: str, image_id: str, file: Path) -> Answer:
    return send(url, "PUT", f"/v2/images/{image_id}/file", file.read_bytes(), "application/octet-stream")


def show(url: str, image_id: str) -> Answer:
    return send(url, "GET", f"/v2/images/{image_id}")


def remove(url: str, image_id: str) -> Answer:
    return send(url, "DELETE", f"/v2/images/{image_id}")
