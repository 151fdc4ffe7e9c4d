"""Statements on a verified image: facts and findings in, an in-toto statement out; and back again when it is checked.

The predicate is a verification summary: who verified which image against which rule book, and how it ended. What was
found stands in a field of our own, as the document allows. A statement alone is a claim; ``signing.py`` puts it into an
envelope. Here one is read as far as it can be: what is wrong with it is for the rules to say.

Statement: https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md, and the same fields under the earlier
type of https://github.com/in-toto/attestation/blob/main/spec/v0.1.0/README.md, as cosign writes it; predicate:
https://slsa.dev/spec/v1.1/verification_summary; package URLs as names: https://github.com/package-url/purl-spec;
bundles of cosign, https://github.com/sigstore/protobuf-specs/blob/main/protos/sigstore_bundle.proto, around envelopes
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import msgspec

from imgbuild.errors import ImgbuildError
from imgbuild.signing import PAYLOAD_TYPE, Envelope, opened
from imgbuild.version import __version__

if TYPE_CHECKING:
    from imgbuild.documents.findings import Findings
    from imgbuild.documents.inspection import Inspection

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
EARLIER_TYPE = "https://in-toto.io/Statement/v0.1"
PREDICATE_TYPE = "https://slsa.dev/verification_summary/v1"
VERIFIER = "pkg:pypi/imgbuild"
FOUND = f"{VERIFIER}#findings"
READY = "IMGBUILD_READY"
STATEMENT_BYTES = 4 << 20


class StatementError(ImgbuildError):
    """A file is neither a statement nor an envelope with one."""


class _Named(msgspec.Struct):
    name: str = ""
    digest: dict[str, str] = {}


class _Policy(msgspec.Struct):
    uri: str = ""
    digest: dict[str, str] = {}


class _Summary(msgspec.Struct, rename="camel"):
    verification_result: str = ""
    policy: _Policy = msgspec.field(default_factory=_Policy)
    found: dict[str, Any] = msgspec.field(default_factory=dict, name=FOUND)


class _Statement(msgspec.Struct, rename="camel"):
    predicate_type: str
    type: str = msgspec.field(name="_type")
    subject: list[_Named] = []
    predicate: _Summary = msgspec.field(default_factory=_Summary)


class Attested(msgspec.Struct, frozen=True, kw_only=True):
    """What a statement says, and who signed it.

    ``slip`` says why it is no statement that can be checked; ``by_key`` counts the signatures of the given key,
    ``None`` where no key was given, ``others`` those that are not by it. ``book`` is the digest of the rule book it was
    verified against, ``today`` that of today.
    """

    path: str
    signatures: int = 0
    by_key: int | None = None
    slip: str | None = None
    subjects: tuple[tuple[str, dict[str, str]], ...] = ()
    result: str = ""
    cloud: str | None = None
    book: str | None = None
    today: str | None = None

    @property
    def others(self) -> int:
        """How many signatures are not by the given key."""
        return self.signatures - (self.by_key or 0)


def state(image: Inspection, findings: Findings, *, cloud: str, book: str, failed: bool, when: str) -> dict[str, Any]:
    """Return the statement that the image was verified with these findings.

    ``book`` is the digest of the rule book, ``when`` a timestamp of RFC 3339, ``failed`` says whether a finding counts.
    """
    digests = dict(image.checksums or {})
    name = os.path.basename(image.path)
    counts = msgspec.structs.asdict(findings.summary)
    found = [{"rule": finding.rule, "severity": finding.severity, "fingerprint": finding.fingerprint}
             for finding in findings.findings]
    return {
        "_type": STATEMENT_TYPE, "subject": [{"name": name, "digest": digests}], "predicateType": PREDICATE_TYPE,
        "predicate": {
            "verifier": {"id": VERIFIER, "version": {"imgbuild": __version__}}, "timeVerified": when,
            "resourceUri": _package_url(name, digests),
            "policy": {"uri": f"{VERIFIER}@{__version__}#rules/{cloud}", "digest": {"sha256": book}},
            "verificationResult": "FAILED" if failed else "PASSED",
            "verifiedLevels": ["FAILED" if failed else READY], "slsaVersion": "1.1",
            FOUND: {"cloud": cloud, "operation": findings.operation, "summary": counts,
                    "accepted": len(findings.accepted), "findings": found}}}


def _package_url(name: str, digests: dict[str, str]) -> str:
    from urllib.parse import quote  # noqa: PLC0415 - for statements alone

    return f"pkg:generic/{quote(name, safe='')}?checksum=sha256:{digests.get('sha256', '')}"


def read_statement(path: str, data: bytes, key: str | None) -> Attested:
    """Return what the statement, or the envelope around it, says; ``key`` is the file of a public key.

    Raises:
        StatementError: It is neither.
        ImgbuildError: The key cannot be read, or the libraries for it are missing.
    """
    envelope = _envelope(path, data)
    if envelope is None:
        return _read(Attested(path=path, by_key=None if key is None else 0), data)
    verdict = opened(envelope, key)
    attested = Attested(path=path, signatures=len(envelope.signatures), by_key=verdict.by_key, slip=verdict.slip)
    if envelope.payload_type != PAYLOAD_TYPE:
        return msgspec.structs.replace(attested, slip=f"the payload is of type {envelope.payload_type!r},"
                                                      f" a statement is {PAYLOAD_TYPE!r}")
    return attested if attested.slip else _read(attested, verdict.payload)


def _envelope(path: str, data: bytes) -> Envelope | None:
    """Return the envelope, ``None`` where the document is a statement by itself."""
    try:
        head = msgspec.json.decode(data) if len(data) <= STATEMENT_BYTES else None
        if isinstance(head, dict) and "_type" in head:
            return None
        if isinstance(head, dict) and _BUNDLED in head:
            head = head[_BUNDLED]
        if isinstance(head, dict) and "payloadType" in head:
            return msgspec.convert(head, Envelope)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise StatementError(f"{path!r} is no statement and no envelope: {error}", cure=_CURE) from error
    raise StatementError(f"{path!r} is no statement and no envelope", cure=_CURE)


_CURE = "imgbuild check --statement FILE IMAGE makes one"
_BUNDLED = "dsseEnvelope"


def is_statement(data: bytes) -> bool:
    """Say whether a document is a statement or an envelope, and not a manifest."""
    try:
        head = msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return isinstance(head, dict) and bool({"_type", "payloadType", _BUNDLED} & head.keys())


def _read(attested: Attested, payload: bytes) -> Attested:
    try:
        said = msgspec.json.decode(payload, type=_Statement)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return msgspec.structs.replace(attested, slip=f"what is signed is no statement: {error}")
    for what, is_, known in (("statement", said.type, (STATEMENT_TYPE, EARLIER_TYPE)),
                             ("predicate", said.predicate_type, (PREDICATE_TYPE,))):
        if is_ not in known:
            return msgspec.structs.replace(attested, slip=f"the {what} is of type {is_!r}, known is {known[0]!r}")
    cloud = said.predicate.found.get("cloud")
    return msgspec.structs.replace(
        attested, subjects=tuple((subject.name, subject.digest) for subject in said.subject),
        result=said.predicate.verification_result, book=said.predicate.policy.digest.get("sha256"),
        cloud=cloud if isinstance(cloud, str) else None)
