"""A Python program that makes the calls with Huawei Cloud's SDK (``pip install huaweicloudsdkims``).

https://github.com/huaweicloud/huaweicloud-sdk-python-v3 (2026-11). The bodies are handed over as they are: the SDK's
own models lack additional properties and the files of data disks, and drop them. It has no call for the upload of a
file, which is sent with ``requests``, which the SDK itself needs.
"""

from __future__ import annotations

import textwrap
from pprint import pformat
from typing import TYPE_CHECKING, Any

from imgbuild.errors import ImgbuildError
from imgbuild.reports.scripts.plan import plan
from imgbuild.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgbuild.documents.manifest import Manifest
    from imgbuild.profiles import Profile, Query
    from imgbuild.reports.scripts.plan import Call, Plan

# The SDK's method for an operation, and the type of its request.
_METHODS = {
    "create-metadata": ("glance_create_image_metadata", "GlanceCreateImageMetadataRequest"),
    "register-file": ("register_image", "RegisterImageRequest"),
    "action": ("create_image", "CreateImageRequest"),
    "quickimport-system": ("import_image_quick", "ImportImageQuickRequest"),
    "quickimport-data": ("import_image_quick", "ImportImageQuickRequest"),
    "dataimage": ("create_data_image", "CreateDataImageRequest"),
}

_HEAD = '''\
#!/usr/bin/env python3
"""Brings an image to {cloud}: {calls}.

Written by imgbuild {version}; needs huaweicloudsdkims. Prints the id of the image once it is there.

    {usage}

The SDK takes HUAWEICLOUD_SDK_AK, HUAWEICLOUD_SDK_SK and HUAWEICLOUD_SDK_PROJECT_ID from the environment.
IMGBUILD_MANIFEST=FILE has the answers compared with the manifest by imgbuild verify. IMAGE_WAIT and IMAGE_POLL are the
seconds to wait at most, and between two looks.
"""

{imports}


def stop(*words):
    sys.exit(" ".join(map(str, words)))


def known(name, what):
    """Return what only the person who runs this knows."""
    return os.environ.get(name) or stop(f"{{name}}: {{what}}")


ENDPOINT = known("{endpoint}", "the address of the image service").rstrip("/")
{needs}CLIENT = ImsClient.new_builder().with_endpoint(ENDPOINT).build()


def wait(ask, done, failed):
    """Ask again and again until the status is one of these words; return the last answer."""
    end = time.monotonic() + float(os.environ.get("IMAGE_WAIT", "3600"))
    while True:
        answer = ask()
        if answer.status == done:
            return answer
        if answer.status in failed or time.monotonic() >= end:
            stop("the status is", answer.status, answer.raw_content)
        time.sleep(float(os.environ.get("IMAGE_POLL", "5")))


def verify(answer):
    """Compare an answer with the manifest, where one is named."""
    manifest = os.environ.get("IMGBUILD_MANIFEST")
    if manifest:
        content = answer.raw_content
        command = ["imgbuild", "verify", manifest, "--response", "-"]
        data = content if isinstance(content, bytes) else content.encode()
        if subprocess.run(command, input=data, stdout=sys.stderr).returncode:
            stop("the answer is not the one that was expected")


'''

_UPLOAD = '''\
def check(path):
    """See that a file is the one that was inspected, before anything is sent."""
    size, sha256 = {size}, {sha256}
    found = hashlib.sha256()
    with open(path, "rb") as file:
        same = os.fstat(file.fileno()).st_size == size
        while same and sha256 and (block := file.read(1 << 20)):
            found.update(block)
    if not same or (sha256 and found.hexdigest() != sha256):
        stop(repr(path), "is not the file that was inspected")


def upload(path, image_id):
    """Send the file; a request that is signed by the SDK could carry 12 MB only, so a token is asked for."""
    with open(path, "rb") as file:
        headers = {{"X-Auth-Token": TOKEN, "Content-Type": {content_type}}}
        answer = requests.{method}(ENDPOINT + {path} % image_id, data=file, headers=headers)
    if answer.status_code != {status}:
        stop("the upload: HTTP", answer.status_code, answer.text)


'''

_END = """

if __name__ == "__main__":
    try:
        main()
    except exceptions.SdkException as refusal:
        stop(refusal)
"""


def render(manifest: Manifest, profile: Profile) -> str:
    """Return the program; raises ImgbuildError for a cloud that the SDK is not for."""
    calls = plan(manifest, profile)
    unknown = [call.operation.id for call in calls.calls if not call.is_upload and call.operation.id not in _METHODS]
    if profile.queries is None or profile.queries.job is None or unknown:
        raise ImgbuildError(f"no script: huaweicloudsdkims is not for {profile.name}",
                            cure="--script curl, or --script openstack")
    main = textwrap.indent("".join(_main(manifest, calls)), "    ")
    return "".join((_head(manifest, calls), *_upload(manifest, calls), f"def main():\n{main}", _END))


def _head(manifest: Manifest, calls: Plan) -> str:
    token = "OS_TOKEN=... " if calls.sends_file else ""
    usage = f"{token}{calls.endpoint}=https://... python SCRIPT" + (" [IMAGE]" if calls.sends_file else "")
    done = ", then ".join(f"{call.operation.method} {call.path}" for call in calls.calls)
    return _HEAD.format(cloud=manifest.cloud, calls=done, version=__version__, usage=usage, endpoint=calls.endpoint,
                        imports="\n".join(_imports(calls)), needs="".join(_needs(calls)))


def _needs(calls: Plan) -> Iterator[str]:
    """Yield a line for each further value that is asked for before the script begins."""
    if calls.sends_file:
        yield 'TOKEN = known("OS_TOKEN", "a token of the project")\n'
    if calls.names_image and calls.image_id is None:
        yield 'IMAGE_ID = known("IMAGE_ID", "the id that the answer of create-metadata gave")\n'
    if calls.needs_address:
        yield 'IMAGE_URL = known("IMAGE_URL", "where the file lies in the object store, BUCKET:KEY")\n'


def _imports(calls: Plan) -> Iterator[str]:
    """Yield the lines of the imports, those of the standard library first."""
    yield from (f"import {name}" for name in ("hashlib",) * calls.sends_file + ("os", "subprocess", "sys", "time"))
    yield ""
    yield from ("import requests",) * calls.sends_file
    names = {"ImsClient", "GlanceShowImageRequest", *("ShowJobRequest",) * calls.starts_job}
    names |= {_METHODS[call.operation.id][1] for call in calls.calls if not call.is_upload}
    yield "from huaweicloudsdkcore.exceptions import exceptions"
    yield f"from huaweicloudsdkims.v2 import {', '.join(sorted(names))}"


def _upload(manifest: Manifest, calls: Plan) -> Iterator[str]:
    for call in calls.calls:
        if call.is_upload:
            found = call.operation
            yield _UPLOAD.format(
                size=manifest.image.size, sha256=ascii((manifest.image.checksums or {}).get("sha256")),
                content_type=ascii(found.content_type), method=found.method.lower(), status=found.success_status,
                path=ascii(found.path.replace("%", "%%").replace("{image_id}", "%s")))


def _main(manifest: Manifest, calls: Plan) -> Iterator[str]:
    if calls.sends_file:
        yield f"path = sys.argv[1] if len(sys.argv) > 1 else {manifest.image.path!a}\ncheck(path)\n"
    if calls.names_image:
        yield f"image_id = {'IMAGE_ID' if calls.image_id is None else ascii(calls.image_id)}\n"
    for number, call in enumerate(calls.calls):
        yield from _call(call)
        if number == 0 and calls.makes_image:
            yield "image_id = answer.id\nprint('the image has the id', image_id, file=sys.stderr)\nverify(answer)\n"
    if calls.starts_job and calls.queries.job is not None:
        yield "print('the job is', answer.job_id, file=sys.stderr)\n"
        yield _wait("job", "show_job(ShowJobRequest(job_id=answer.job_id))", calls.queries.job)
        yield "" if calls.makes_image or calls.names_image else "image_id = job.entities.image_id\n"
    yield _wait("image", "glance_show_image(GlanceShowImageRequest(image_id=image_id))", calls.queries.image)
    yield "verify(image)\nprint(image_id)\n"


def _wait(name: str, ask: str, query: Query) -> str:
    return f"{name} = wait(lambda: CLIENT.{ask},\n    {query.done!a}, {query.failed!a})\n"


def _call(call: Call) -> Iterator[str]:
    if call.is_upload:
        yield "upload(path, image_id)\n"
        return
    method, kind = _METHODS[call.operation.id]
    body = '{"image_url": IMAGE_URL}' if call.needs_address else _literal(call.body)
    image = "image_id=image_id, " if call.names_image else ""
    yield f"body = {body}\nanswer = CLIENT.{method}({kind}({image}body=body))\n"


def _literal(body: Any) -> str:  # noqa: ANN401 - a JSON value
    """Return a JSON value as Python writes it, in ASCII, so that nothing in it is obeyed by whoever shows the text."""
    source = pformat(body, indent=4, width=100, sort_dicts=False)
    return source.encode("ascii", "backslashreplace").decode()  # others stand inside of string literals only
