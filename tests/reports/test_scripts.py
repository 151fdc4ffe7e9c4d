"""Scripts that send what was built: each is run against a service that keeps what it got.

shellcheck and ``bash -n`` judge those for bash; the one for Python runs with the vendor's SDK as it is published.
"""

from __future__ import annotations

import hashlib
import json
import os
import runpy
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import recorder as service
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st
from msgspec.structs import replace
from recorder import IMAGE, JOB, PROJECT
from tools import needs

from imgbuild import pipeline, rulebook
from imgbuild.choices import Choices, DataImage
from imgbuild.errors import ImgbuildError
from imgbuild.reports import scripts
from imgbuild.reports.scripts.bash import path_word, word
from imgbuild.settings import Settings

if TYPE_CHECKING:
    from imgbuild.documents.manifest import Manifest

SAMPLES = Path(__file__).parent.parent.parent / "samples"
TINY = SAMPLES / "debian-12-tiny.qcow2"
PROFILES = {cloud: rulebook.load(cloud).profile for cloud in rulebook.clouds()}
ENDPOINTS = {"openstack": "GLANCE_ENDPOINT", "scs": "SCS_ENDPOINT"}
SHELLCHECK = ("shellcheck", "--enable=all", "--exclude=SC2310,SC2311,SC2312,SC2250,SC2249,SC2292,SC2154")
HOSTILE = [
    "$(touch pwned)", "`touch pwned`", "'; touch pwned; '", '"; touch pwned; "', "\nEND_OF_REQUEST\ntouch pwned\n",
    "한😀", "--file=/etc/passwd", "-x", "a\\", "\\'; touch pwned #", "${IFS}", "!!", "*", "~",
    "é\u202e\x1b[31m", "%s%n", "{a,b}[1-3]",
    "'''; import os; os.system('touch pwned') #", '"""', "\\N{BULLET}\\x41"]
PROFILE = PROFILES["huaweicloud"]
CLEAN = {"PATH": os.environ["PATH"], "no_proxy": "*", "LANG": "C.UTF-8", "OS_TOKEN": "secret \"'$x", "IMAGE_POLL": "0",
         "OS_PROJECT_ID": PROJECT, "HUAWEICLOUD_SDK_AK": "key", "HUAWEICLOUD_SDK_SK": "secret",
         "HUAWEICLOUD_SDK_PROJECT_ID": PROJECT}
ADDRESSED = {"action": "images:a.qcow2", "quickimport-system": "images:a.zvhd2", "quickimport-data": "images:a.zvhd2",
             "dataimage": "images:a.vhd", "register-file": "images:a.qcow2"}


# The SDK calls two of its methods deprecated and names none in their place; the API knows the calls.
pytestmark = pytest.mark.filterwarnings("ignore:Method '(glance_show_image|show_job)' of ImsClient:DeprecationWarning")


@pytest.fixture
def server(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    yield from service.serving()


def made(path: Path | str = TINY, operation: str = "create-metadata", *, cloud: str = "huaweicloud",
         **chosen: Any) -> Manifest:
    built = pipeline.build(str(path), Settings(cloud=cloud, operation=operation), Choices(**chosen))
    assert built.manifest is not None
    return built.manifest


def imported(operation: str, cloud: str = "huaweicloud") -> Manifest:
    """Return the manifest of a call that names a file in the object store."""
    image = {"quickimport-system": SAMPLES / "zvhd" / "sparse-zlib.zvhd2", "dataimage": SAMPLES / "data-disk.vhd",
             "quickimport-data": SAMPLES / "zvhd" / "sparse-zlib.zvhd2"}.get(operation, TINY)
    extra = {"image_id": IMAGE} if operation == "register-file" else {}
    disks = (DataImage(path=str(SAMPLES / "data-disk.vhd"), address="images:b.vhd"),) if operation == "action" else ()
    return made(image, operation, cloud=cloud, address=ADDRESSED[operation], extra=extra, data_images=disks)


def script(kind: str, manifest: Manifest, path: str | None = None) -> bytes:
    return scripts.write(kind, manifest, PROFILE, path or manifest.image.path)


def can(kind: str, cloud: str, operation: str) -> bool:
    """Say whether a client makes a call: OpenStack's the one of Glance alone, the vendor's SDK all of its service."""
    return {"curl": True, "openstack": operation == "create-metadata", "python": cloud not in ENDPOINTS}[kind]


@cache
def manifest_for(cloud: str, operation: str) -> Manifest:
    return imported(operation, cloud) if operation in ADDRESSED else made(operation=operation, cloud=cloud)


def script_for(cloud: str, kind: str, operation: str = "create-metadata") -> str | None:
    """Return the script of a call of a cloud, ``None`` where its client cannot make it, which is then said."""
    manifest = manifest_for(cloud, operation)
    if can(kind, cloud, operation):
        return scripts.write(kind, manifest, PROFILES[cloud], manifest.image.path).decode()
    with pytest.raises(ImgbuildError, match=r"^no script: "):
        scripts.write(kind, manifest, PROFILES[cloud], manifest.image.path)
    return None


def bash(text: bytes, server: service.Recorder, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    Path("send.sh").write_bytes(text)
    return subprocess.run(["bash", "send.sh", *words], env={**CLEAN, "IMS_ENDPOINT": server.url, **more}, text=True,
                          capture_output=True, timeout=60, check=False)


def python(text: bytes, server: service.Recorder, monkeypatch, *words: str, **more: str) -> None:
    Path("send.py").write_bytes(text)
    for name, value in {**CLEAN, "IMS_ENDPOINT": server.url, **more}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", ["send.py", *words])
    runpy.run_path("send.py", run_name="__main__")


def shims(folder: Path, **programs: str) -> str:
    """Return a PATH on which these programs stand before all others."""
    for name, text in programs.items():
        path = folder / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/usr/bin/env bash\n{text}\n")
        path.chmod(0o755)
    return f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"


def hostile(texts: list[str]) -> Manifest:
    extra = dict(zip(texts, reversed(texts), strict=True))
    return made(name=" ".join(texts), tags=(*texts, *(f"a={text}" for text in texts)), extra=extra)


def digest(data: bytes) -> str:
    """Return a mark of a file, which pytest can compare and show."""
    return hashlib.sha256(data).hexdigest()


SENT = digest(TINY.read_bytes())


@needs("shellcheck", "bash")
@pytest.mark.parametrize("kind", ["curl", "openstack"])
@pytest.mark.parametrize("operation", ["create-metadata", "upload-file", *ADDRESSED])
def test_shellcheck_has_nothing_to_say(operation, kind, tmp_path):
    manifest = imported(operation) if operation in ADDRESSED else made(operation=operation, name="it's")
    if kind == "openstack" and operation != "create-metadata":
        with pytest.raises(ImgbuildError, match="openstack has no command for "):
            script(kind, manifest)
        return
    path = tmp_path / "send.sh"
    path.write_bytes(script(kind, manifest))
    subprocess.run(["bash", "-n", path], check=True)
    done = subprocess.run([*SHELLCHECK, path], capture_output=True, text=True, check=False)
    assert done.stdout == ""


@needs("shellcheck", "bash")
def test_each_call_of_each_cloud_has_sound_scripts(tmp_path):
    """Most calls of two clouds are the same call: each is written once, and each text is judged once."""
    texts: dict[tuple[str, str], str] = {}
    calls = {}
    for cloud, profile in PROFILES.items():
        for operation in sorted({"create-metadata", "upload-file", *ADDRESSED} & profile.operations.keys()):
            call = profile.operations[operation]
            calls.setdefault((profile.prefix, profile.queries, call.method, call.path, call.success_status,
                              call.content_type, call.asynchronous, call.follows), (cloud, operation))
    for cloud, operation in calls.values():
        for kind in scripts.KINDS:
            text = script_for(cloud, kind, operation) or ""
            texts[kind, text.replace(cloud, "CLOUD")] = f"{cloud}-{operation}"
    for (kind, text), name in texts.items():
        if kind == "python":
            compile(text, name, "exec")
        elif text:
            (tmp_path / f"{kind}-{name}.sh").write_text(text)
    found = subprocess.run([*SHELLCHECK, *tmp_path.iterdir()], capture_output=True, text=True, check=False)
    assert found.stdout == ""


@needs("curl", "jq", "bash")
@pytest.mark.parametrize("cloud", PROFILES)
def test_each_cloud_gets_its_calls_from_each_client(cloud, server, tmp_path, monkeypatch, capsys):
    body = manifest_for(cloud, "create-metadata").request.body
    texts = {kind: script_for(cloud, kind) for kind in scripts.KINDS}
    address = {"IMS_ENDPOINT": "", ENDPOINTS.get(cloud, "IMS_ENDPOINT"): server.url}
    assert bash(texts["curl"].encode(), server, **address).stdout == f"{IMAGE}\n"
    if texts["python"] is not None:
        python(texts["python"].encode(), server, monkeypatch, **address)
        assert capsys.readouterr().out == f"{IMAGE}\n"
    sent = [json.loads(call.body) for call in server.calls if call.path == "/v2/images"]
    assert sent == [body] * (1 + (texts["python"] is not None))
    assert server.made == [("POST", "/v2/images"), ("PUT", f"/v2/images/{IMAGE}/file")] * len(sent)
    path = shims(tmp_path, openstack='[ "$2" = create ] && jq -cn \'$ARGS.positional\' --args -- "$@" >words.json; '
                 'case $6 in status) echo active;; checksum) echo None;; properties) cat sums;; *) echo the-id;; esac')
    Path("sums").write_text(f'"os_hash_value": "{hashlib.sha512(TINY.read_bytes()).hexdigest()}"')
    assert bash(texts["openstack"].encode(), server, PATH=path).stdout == "the-id\n"
    words = json.loads(Path("words.json").read_text())
    others = {"name", "tags", "protected", "visibility", "disk_format", "container_format", "min_disk", "min_ram"}
    assert sorted(word for word in words if word.startswith("--property=")) == sorted(
        f"--property={key}={value}" for key, value in body.items() if key not in others)


@needs("curl", "jq", "bash")
def test_curl_makes_metadata_and_sends_the_file(server):
    manifest = made()
    done = bash(script("curl", manifest), server)
    assert (done.returncode, done.stdout) == (0, f"{IMAGE}\n"), done.stderr
    create, upload = server.calls[:2]
    assert server.made == [("POST", "/v2/images"), ("PUT", f"/v2/images/{IMAGE}/file")]
    assert json.loads(create.body) == manifest.request.body
    assert (create.headers["content-type"], create.headers["x-auth-token"]) == ("application/json", CLEAN["OS_TOKEN"])
    assert (upload.headers["content-type"], digest(upload.body)) == ("application/octet-stream", SENT)
    assert [call.path for call in server.calls[2:]] == [f"/v2/images/{IMAGE}"] * 2


@needs("curl", "jq", "bash")
@pytest.mark.parametrize("operation", ADDRESSED)
def test_curl_imports_a_file_and_follows_the_job(operation, server):
    manifest = imported(operation)
    done = bash(script("curl", manifest), server)
    assert (done.returncode, done.stdout) == (0, f"{IMAGE}\n"), done.stderr
    assert server.made == [(manifest.request.method, manifest.request.path)]
    assert json.loads(server.calls[0].body) == manifest.request.body
    jobs = [call.path for call in server.calls if "/jobs/" in call.path]
    assert jobs == [f"/v1/{PROJECT}/jobs/{JOB}"] * 2


@pytest.mark.parametrize("operation", ["create-metadata", *ADDRESSED])
def test_the_sdk_sends_the_same(operation, server, monkeypatch, capsys):
    manifest = imported(operation) if operation in ADDRESSED else made(extra={"team": "é 'x'"})
    python(script("python", manifest), server, monkeypatch)
    assert capsys.readouterr().out == f"{IMAGE}\n"
    assert server.made[0] == (manifest.request.method, manifest.request.path)
    assert json.loads(server.calls[0].body) == manifest.request.body
    if operation == "create-metadata":
        assert digest(server.calls[1].body) == SENT
        assert server.calls[1].headers["x-auth-token"] == CLEAN["OS_TOKEN"]


@needs("curl", "jq", "bash")
def test_nothing_in_a_request_becomes_code(server, monkeypatch, capsys):
    manifest = hostile(HOSTILE)
    done = bash(script("curl", manifest), server)
    assert done.returncode == 0, done.stderr
    python(script("python", manifest), server, monkeypatch)
    bodies = [json.loads(call.body) for call in server.calls if call.path == "/v2/images"]
    assert bodies == [manifest.request.body] * 2
    assert sorted(os.listdir()) == ["send.py", "send.sh"]
    assert capsys.readouterr().out == f"{IMAGE}\n"


@pytest.mark.parametrize("kind", scripts.KINDS)
def test_a_script_may_be_shown_on_a_terminal(kind):
    text = script(kind, hostile([text for text in HOSTILE if "=" not in text])).decode()
    assert [character for character in text if not character.isprintable() and character != "\n"] == []


@needs("bash", "jq")
def test_nothing_in_a_request_becomes_code_for_openstack(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    texts = [text for text in HOSTILE if "=" not in text]
    manifest = hostile(texts)
    Path("send.sh").write_bytes(script("openstack", manifest))
    # What the client is called with, as a line of JSON; the real one is asked in tests/glance.
    path = shims(tmp_path, openstack='[ "$2" = create ] && jq -cn \'$ARGS.positional\' --args -- "$@" >words.json; '
                 'case $6 in status) echo active;; checksum) echo None;; *) echo the-id;; esac')
    done = subprocess.run(["bash", "send.sh"], env={**CLEAN, "PATH": path}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "the-id\n"), done.stderr
    words = json.loads(Path("words.json").read_text())
    assert words[-2:] == ["--", " ".join(texts)]
    assert [word for word in words if word.startswith("--tag=")] == [f"--tag={tag}" for tag in (
        *texts, *(f"a={text}" for text in texts))]
    assert {f"--property={one}={other}" for one, other in zip(texts, reversed(texts), strict=True)} <= set(words)
    assert sorted(os.listdir()) == ["bin", "send.sh", "words.json"]


@needs("curl", "jq", "bash")
@pytest.mark.parametrize("name", ["$(touch pwned)`touch pwned`'\";touch pwned;.img", "-x\n{a,b}[1-3]* ~\x1b.img",
                                  "'''\"\"\"\\\\'; touch pwned #\\", "latin-\udce9.qcow2"])
def test_no_name_of_a_file_becomes_code(name, server, monkeypatch, capsys):
    shutil.copy(TINY, name)
    manifest = made(name, name="web")
    done = bash(script("curl", manifest, name), server)
    assert done.returncode == 0, done.stderr
    python(script("python", manifest, name), server, monkeypatch)
    assert [digest(call.body) for call in server.calls if call.path.endswith("/file")] == [SENT, SENT]
    assert sorted(os.listdir()) == sorted([name, "send.py", "send.sh"])
    assert capsys.readouterr().out == f"{IMAGE}\n"


@needs("bash")
@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",))) | st.binary(max_size=9).map(
    lambda data: data.replace(b"\0", b"").decode("utf-8", "surrogateescape")), max_size=30))
@limits(max_examples=40)
def test_bash_reads_each_word_as_it_was(texts):
    line = b"printf '%s\\0' x " + " ".join(map(word, texts)).encode("utf-8", "surrogateescape")
    done = subprocess.run(["bash", "-c", line], capture_output=True, check=True, env={"LC_ALL": "C.UTF-8"})
    assert done.stdout.split(b"\0")[1:-1] == [text.encode("utf-8", "surrogateescape") for text in texts]
    assert b"\n" not in line


@pytest.mark.parametrize(("path", "written"), [("a b", "'a b'"), ("-", "./-"), ("--x", "./--x"), ("/a", "/a")])
def test_a_path_is_no_option(path, written):
    assert path_word(path) == written


@needs("curl", "jq", "bash")
@pytest.mark.parametrize(("refuse", "said"), [
    ({"POST /v2/images": 400}, "POST /v2/images: HTTP 400, not 201"),
    ({"POST /v2/images": 200}, "POST /v2/images: HTTP 200, not 201"),
    ({f"PUT /v2/images/{IMAGE}/file": 413}, f"PUT /v2/images/{IMAGE}/file: HTTP 413, not 204"),
    ({f"GET /v2/images/{IMAGE}": 404}, f"GET /v2/images/{IMAGE}: HTTP 404, not 200")])
def test_a_refusal_ends_the_curl_script(refuse, said, server):
    server.refuse = refuse
    done = bash(script("curl", made()), server)
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr
    assert "IMG.0001" in done.stderr
    assert f"{server.calls[-1].method} {server.calls[-1].path}" in refuse


@needs("curl", "jq", "bash")
@pytest.mark.parametrize(("states", "said"), [(["killed"], f"/v2/images/{IMAGE}: killed"),
                                              (["saving"], f"/v2/images/{IMAGE}: still saving")])
def test_an_image_that_never_comes_ends_the_curl_script(states, said, server):
    server.states = states
    done = bash(script("curl", made()), server, IMAGE_WAIT="0")
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr


@needs("curl", "jq", "bash")
def test_a_job_that_fails_ends_the_curl_script(server):
    server.jobs = [{"status": "FAIL", "fail_reason": "no disk"}]
    done = bash(script("curl", imported("action")), server)
    assert (done.returncode, done.stdout) == (1, "")
    assert "no disk" in done.stderr


@pytest.mark.parametrize(("refuse", "states", "said"), [
    ({"POST /v2/images": 400}, ["active"], "IMG.0001"),
    ({f"PUT /v2/images/{IMAGE}/file": 413}, ["active"], "the upload: HTTP 413"),
    ({}, ["killed"], "the status is killed"), ({}, ["saving"], "the status is saving")])
def test_a_refusal_ends_the_python_script(refuse, states, said, server, monkeypatch, capsys):
    server.refuse, server.states = refuse, states
    with pytest.raises(SystemExit, match=said):
        python(script("python", made()), server, monkeypatch, IMAGE_WAIT="0")
    assert capsys.readouterr().out == ""


@needs("curl", "jq", "bash")
@pytest.mark.parametrize("missing", ["OS_TOKEN", "IMS_ENDPOINT", "OS_PROJECT_ID", "IMAGE_ID"])
def test_what_only_a_person_knows_is_asked_for_by_curl(missing, server):
    manifest = made(operation="register-file", address="images:a.qcow2")
    known = {"IMAGE_ID": IMAGE}
    done = bash(script("curl", manifest), server, **{**known, missing: ""})
    assert (done.returncode, server.calls) == (1, [])
    assert f"{missing}: " in done.stderr
    done = bash(script("curl", manifest), server, **known)
    assert (done.returncode, server.made) == (0, [("PUT", f"/v1/cloudimages/{IMAGE}/upload")])


@pytest.mark.parametrize(("operation", "missing"), [("create-metadata", "OS_TOKEN"), ("upload-file", "OS_TOKEN"),
                                                    ("create-metadata", "IMS_ENDPOINT"), ("upload-file", "IMAGE_ID")])
def test_what_only_a_person_knows_is_asked_for_by_python(operation, missing, server, monkeypatch, capsys):
    text = script("python", made(operation=operation))
    with pytest.raises(SystemExit, match=f"^{missing}: "):
        python(text, server, monkeypatch, **{"IMAGE_ID": IMAGE, missing: ""})
    assert server.calls == []
    python(text, server, monkeypatch, IMAGE_ID=IMAGE)
    assert server.made[-1] == ("PUT", f"/v2/images/{IMAGE}/file")
    assert capsys.readouterr().out == f"{IMAGE}\n"


@needs("curl", "jq", "bash")
def test_a_file_that_is_too_large_to_send_is_registered(server, monkeypatch, capsys):
    manifest = made()
    manifest = replace(manifest, route=replace(manifest.route, operation="register-file"))
    address = "images:a 'b'\"$c.qcow2"
    assert bash(script("curl", manifest), server).returncode == 1  # nobody has said where the file is
    assert bash(script("curl", manifest), server, IMAGE_URL=address).returncode == 0
    python(script("python", manifest), server, monkeypatch, IMAGE_URL=address)
    assert server.made == [("POST", "/v2/images"), ("PUT", f"/v1/cloudimages/{IMAGE}/upload")] * 2
    registered = [json.loads(call.body) for call in server.calls if call.path.endswith("/upload")]
    assert registered == [{"image_url": address}] * 2
    assert capsys.readouterr().out == f"{IMAGE}\n"


@needs("curl", "jq", "bash")
@pytest.mark.parametrize("change", [b"x", None])
def test_another_file_is_not_sent(change, server, monkeypatch):
    data = TINY.read_bytes()
    Path("disk.qcow2").write_bytes(data + change if change else data[:-1] + bytes([data[-1] ^ 1]))
    done = bash(script("curl", made()), server, "disk.qcow2")
    assert (done.returncode, server.calls) == (1, [])
    assert "disk.qcow2 is not the file that was inspected: another " in done.stderr
    with pytest.raises(SystemExit, match=r"'disk\.qcow2' is not the file that was inspected"):
        python(script("python", made()), server, monkeypatch, "disk.qcow2")
    assert server.calls == []


@needs("curl", "jq", "bash")
@pytest.mark.parametrize(("status", "made_calls"), [(0, 2), (1, 1)])
def test_the_answers_are_verified_where_a_manifest_is_named(status, made_calls, server, tmp_path, monkeypatch):
    path = shims(tmp_path, imgbuild=f'[ "$4" = - ] || exec <"$4"; (echo "$1 $2 $3"; cat) >>said; exit {status}')
    done = bash(script("curl", made()), server, PATH=path, IMGBUILD_MANIFEST="m.json")
    assert (done.returncode, len(server.made)) == (status, made_calls)
    if status:
        with pytest.raises(SystemExit, match="the answer is not the one that was expected"):
            python(script("python", made()), server, monkeypatch, PATH=path, IMGBUILD_MANIFEST="m.json")
    else:
        python(script("python", made()), server, monkeypatch, PATH=path, IMGBUILD_MANIFEST="m.json")
    said = Path("said").read_text()
    assert said.count("verify m.json --response\n") == (2 if status else 4)
    assert said.count('"queued"') == 2
    assert said.count('"active"') == (0 if status else 2)


@pytest.mark.parametrize(("extra", "said"), [
    ({"disk_format": "zvhd2"}, "openstack takes no disk_format 'zvhd2'"),
    ({"visibility": "Private"}, "openstack has no word for the visibility 'Private'"),
    ({"a=b": "c"}, "openstack cannot set the property 'a=b' to 'c'")])
def test_openstack_says_what_it_cannot(extra, said):
    with pytest.raises(ImgbuildError) as error:
        script("openstack", made(extra=extra))
    assert str(error.value) == f"no script: {said} (--script curl and --script python send any request)"


def test_what_no_call_carries_has_no_script(tmp_path):
    path = tmp_path / "disk.vdi"
    shutil.copy(SAMPLES / "debian-12.11-netinst-tiny.iso", path)
    with pytest.raises(ImgbuildError, match="no script: nothing of this call can bring"):
        script("curl", made(path, operation="dataimage", address="images:a.iso"))
