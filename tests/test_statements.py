"""Statements: what is written and signed, with in-toto's library, openssl and PyNaCl as witnesses; what is believed."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from caller import call, errors
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st
from in_toto_attestation.predicates.vsa.v1 import vsa_pb2
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.statement import Statement
from nacl.signing import VerifyKey
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey
from tools import needs

from imgbuild import rulebook, statements
from imgbuild.errors import ImgbuildError
from imgbuild.rulebook.digest import digest_of

pytestmark = needs("openssl")  # it makes the keys
ROOT = Path(__file__).parent.parent
IMAGE = "debian-12-tiny.qcow2"
SUBJECT = "b2bf507d92805e7432381094c713fac9d41d36d7d50b21f14474a7dab0a9fc8e"
KINDS = {"ed25519": ["ed25519"], "p256": ["EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
         "p384": ["EC", "-pkeyopt", "ec_paramgen_curve:P-384"], "p521": ["EC", "-pkeyopt", "ec_paramgen_curve:P-521"],
         "rsa": ["RSA", "-pkeyopt", "rsa_keygen_bits:2048"]}
NOT_TAKEN = {"ed448": ["ed448"], "x25519": ["x25519"], "k1": ["EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"]}
TAKEN = "Ed25519, ECDSA on P-256, P-384 or P-521, or RSA"
PASSPHRASE = "correct horse"  # noqa: S105 - of a key that is made here


def openssl(*words, folder):
    return subprocess.run(["openssl", *words], cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """A pair of keys of each kind, made by openssl, and one whose private half has a passphrase."""
    folder = tmp_path_factory.mktemp("keys")
    for name, words in {**KINDS, **NOT_TAKEN, "other": ["ed25519"]}.items():
        openssl("genpkey", "-algorithm", *words, "-out", f"{name}.pem", folder=folder)
        openssl("pkey", "-in", f"{name}.pem", "-pubout", "-out", f"{name}.pub", folder=folder)
    openssl("pkey", "-in", "ed25519.pem", "-aes256", "-passout", f"pass:{PASSPHRASE}", "-out", "secret.pem",
            folder=folder)
    return folder


@pytest.fixture(autouse=True)
def _inside(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1764331200")
    shutil.copy(ROOT / "samples" / IMAGE, tmp_path)


def check(*words):
    return call("check", IMAGE, "-q", *words)


def signed(keys, kind="ed25519"):
    assert check("--statement", "s.json", "--sign-key", keys / f"{kind}.pem").exit_code == 0
    return json.loads(Path("s.json").read_text())


def verify(*words):
    """Return the exit status and the rules on statements that find something, with their severities."""
    result = call("verify", *words, "--format", "json")
    found = json.loads(result.stdout)["findings"]
    return result.exit_code, {finding["rule"].removeprefix("image-statement-"): finding["severity"]
                              for finding in found if finding["rule"].startswith("image-statement-")}


def payload_of(envelope):
    return base64.b64decode(envelope["payload"])


def rewritten(envelope, **changes):
    """Write the envelope with another payload, type or signatures."""
    if "payload" in changes:
        changes["payload"] = base64.b64encode(changes["payload"]).decode()
    Path("s.json").write_text(json.dumps(envelope | changes))


class TestStatement:
    def test_it_is_one_for_the_library_of_in_toto(self):
        assert check("--statement", "s.json").exit_code == 0
        text = Path("s.json").read_text()
        Statement.copy_from_pb(json_format.Parse(text, statement_pb2.Statement())).validate()
        said = json.loads(text)
        assert said["subject"] == [{"name": IMAGE, "digest": {"md5": "ac285ad5e6f4dc552a92cfafb7e7b0bf",
                                                              "sha256": SUBJECT}}]
        assert said["predicate"].pop("verifiedLevels") == ["IMGBUILD_READY"]  # the library takes it for a single text
        summary = json_format.ParseDict(said["predicate"], vsa_pb2.VerificationSummary(), ignore_unknown_fields=True)
        assert (summary.verifier.id, summary.verification_result) == ("pkg:pypi/imgbuild", "PASSED")
        assert summary.time_verified.ToJsonString() == "2025-11-28T12:00:00Z"
        assert summary.policy.digest["sha256"] == digest_of("huaweicloud")
        assert summary.resource_uri == f"pkg:generic/{IMAGE}?checksum=sha256:{SUBJECT}"

    def test_it_has_the_findings(self):
        check("--statement", "s.json", "--format", "json=f.json")
        found = json.loads(Path("s.json").read_text())["predicate"]["pkg:pypi/imgbuild#findings"]
        document = json.loads(Path("f.json").read_text())
        assert found["summary"] == document["summary"]
        assert [finding["fingerprint"] for finding in found["findings"]] == [
            finding["fingerprint"] for finding in document["findings"]]

    def test_the_same_facts_give_the_same_bytes(self):
        check("--statement", "a.json")
        check("--statement", "b.json")
        assert Path("a.json").read_bytes() == Path("b.json").read_bytes()

    def test_build_and_check_state_the_same(self):
        check("--statement", "a.json")
        assert call("build", IMAGE, "-q", "--statement", "b.json").exit_code == 0
        assert Path("a.json").read_bytes() == Path("b.json").read_bytes()

    def test_its_time_is_now_where_nobody_says_another(self, monkeypatch):
        monkeypatch.delenv("SOURCE_DATE_EPOCH")
        check("--statement", "s.json")
        when = json.loads(Path("s.json").read_text())["predicate"]["timeVerified"]
        assert when > "2026"

    def test_one_is_written_when_it_ends_badly(self):
        assert check("--statement", "s.json", "--min-disk", "1").exit_code == 1
        predicate = json.loads(Path("s.json").read_text())["predicate"]
        assert (predicate["verificationResult"], predicate["verifiedLevels"]) == ("FAILED", ["FAILED"])
        assert verify("s.json") == (1, {"unsigned": "warning", "says-failed": "error"})

    def test_a_build_that_contradicts_the_facts_fails(self):
        assert call("build", IMAGE, "-q", "--min-disk", "1", "--statement", "s.json").exit_code == 1
        assert json.loads(Path("s.json").read_text())["predicate"]["verificationResult"] == "FAILED"

    def test_other_checksums_are_beside_sha256(self):
        check("--statement", "s.json", "--checksum", "sha512")
        assert set(json.loads(Path("s.json").read_text())["subject"][0]["digest"]) == {"sha256", "sha512"}

    def test_names_are_written_as_urls_have_them(self):
        shutil.move(IMAGE, "my disk?#.qcow2")
        call("check", "my disk?#.qcow2", "-q", "--statement", "s.json")
        assert "pkg:generic/my%20disk%3F%23.qcow2?" in Path("s.json").read_text()

    @needs("sha256sum")
    def test_the_digest_of_the_rule_book_can_be_computed_by_hand(self):
        files = "cd rules && sha256sum common/*.toml huaweicloud/*.toml | sha256sum"
        done = subprocess.run(["sh", "-c", files], cwd=ROOT, env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
                              capture_output=True, text=True, check=True)
        assert done.stdout.split()[0] == digest_of("huaweicloud")

    def test_rules_of_ones_own_change_it(self, tmp_path):
        (tmp_path / "own").mkdir()
        (tmp_path / "own" / "mine.toml").write_text('[[rule]]\nid = "guest-no-ipv6"\nseverity = "error"\n')
        assert rulebook.load("huaweicloud", rules="own")
        assert digest_of("huaweicloud", "own") != digest_of("huaweicloud")


class TestSignature:
    @pytest.mark.parametrize("kind", KINDS)
    def test_the_library_verifies_it(self, kind, keys):
        from cryptography.hazmat.primitives.serialization import load_pem_public_key  # noqa: PLC0415 - for one test

        envelope = Envelope.from_dict(signed(keys, kind))
        key = SSlibKey.from_crypto(load_pem_public_key((keys / f"{kind}.pub").read_bytes()))
        assert list(envelope.verify([key], 1)) == [key.keyid]
        assert json.loads(envelope.payload)["subject"][0]["digest"]["sha256"] == SUBJECT
        assert verify("s.json", "--key", keys / f"{kind}.pub") == (0, {})

    @pytest.mark.parametrize(("kind", "how"), [
        ("ed25519", ["pkeyutl", "-verify", "-pubin", "-inkey", "K", "-rawin", "-in", "pae", "-sigfile", "sig"]),
        ("p256", ["dgst", "-sha256", "-verify", "K", "-signature", "sig", "pae"]),
        ("rsa", ["dgst", "-sha256", "-sigopt", "rsa_padding_mode:pss", "-verify", "K", "-signature", "sig", "pae"])])
    def test_openssl_verifies_it(self, kind, how, keys, tmp_path):
        envelope = signed(keys, kind)
        kept, payload = envelope["payloadType"].encode(), payload_of(envelope)
        Path("pae").write_bytes(b"DSSEv1 %d %s %d %s" % (len(kept), kept, len(payload), payload))
        Path("sig").write_bytes(base64.b64decode(envelope["signatures"][0]["sig"]))
        done = openssl(*(str(keys / f"{kind}.pub") if word == "K" else word for word in how), folder=tmp_path)
        assert done.returncode == 0, done.stderr

    def test_pynacl_verifies_it(self, keys):
        envelope = signed(keys)
        kept, payload = envelope["payloadType"].encode(), payload_of(envelope)
        raw = base64.b64decode("".join((keys / "ed25519.pub").read_text().splitlines()[1:-1]))[-32:]
        VerifyKey(raw).verify(b"DSSEv1 %d %s %d %s" % (len(kept), kept, len(payload), payload),
                              base64.b64decode(envelope["signatures"][0]["sig"]))

    def test_a_passphrase_comes_from_the_environment(self, keys, monkeypatch):
        monkeypatch.setenv("IMGBUILD_SIGN_PASSPHRASE", PASSPHRASE)
        assert check("--statement", "s.json", "--sign-key", keys / "secret.pem").exit_code == 0
        assert verify("s.json", "--key", keys / "ed25519.pub") == (0, {})

    def test_the_same_facts_give_the_same_bytes(self, keys):
        assert signed(keys) == signed(keys)

    def test_letters_of_the_other_alphabet_are_read(self, keys):
        envelope = signed(keys)
        for signature in envelope["signatures"]:
            signature["sig"] = signature["sig"].replace("+", "-").replace("/", "_")
        Path("s.json").write_text(json.dumps(envelope))
        assert verify("s.json", "--key", keys / "ed25519.pub") == (0, {})


class TestCosign:
    """What cosign signs: PKCS#1 v1.5 with RSA, SHA-256 on each curve, a statement of the earlier type, in a bundle."""

    @pytest.fixture
    def envelope(self, keys, tmp_path):
        """Return the statement in an envelope that openssl signed as cosign does, with a key of this kind."""

        def make(kind, digest="-sha256"):
            check("--statement", "s.json")
            payload = Path("s.json").read_bytes().replace(b"Statement/v1", b"Statement/v0.1")
            Path("pae").write_bytes(b"DSSEv1 28 application/vnd.in-toto+json %d %s" % (len(payload), payload))
            done = openssl("dgst", digest, "-sign", str(keys / f"{kind}.pem"), "-out", "sig", "pae", folder=tmp_path)
            assert done.returncode == 0, done.stderr
            return {"payload": base64.b64encode(payload).decode(), "payloadType": "application/vnd.in-toto+json",
                    "signatures": [{"sig": base64.b64encode(Path("sig").read_bytes()).decode()}]}

        return make

    @pytest.mark.parametrize("kind", ["p256", "p384", "p521", "rsa"])
    def test_it_is_verified(self, kind, envelope, keys):
        Path("s.json").write_text(json.dumps(envelope(kind)))
        assert verify("s.json", "--key", keys / f"{kind}.pub") == (0, {})
        rewritten(json.loads(Path("s.json").read_text()), payload=b"{}")
        assert verify("s.json", IMAGE, "--key", keys / f"{kind}.pub")[1]["signature-invalid"] == "error"

    def test_a_bundle_is_opened(self, envelope, keys):
        bundle = {"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
                  "verificationMaterial": {"publicKey": {"hint": "x"}}, "dsseEnvelope": envelope("p256")}
        Path("s.json").write_text(json.dumps(bundle))
        assert verify("s.json", "--key", keys / "p256.pub") == (0, {})
        assert verify("s.json", "--key", keys / "other.pub") == (1, {"signature-invalid": "error"})

    @pytest.mark.parametrize("inner", [None, 1, {}, []])
    def test_a_bundle_of_something_else_is_refused(self, inner):
        Path("s.json").write_text(json.dumps({"dsseEnvelope": inner}))
        assert errors("verify", "s.json")[1].startswith("'s.json' is no statement and no envelope (")

    @pytest.mark.parametrize(("kind", "digest"), [("rsa", "-sha1"), ("rsa", "-sha512"), ("p384", "-sha512")])
    def test_other_hashes_are_not(self, kind, digest, envelope, keys):
        Path("s.json").write_text(json.dumps(envelope(kind, digest)))
        assert verify("s.json", "--key", keys / f"{kind}.pub") == (1, {"signature-invalid": "error"})


class TestDoubt:
    """What is not to be believed, and which rule says so."""

    def test_nobody_asked_who_signed(self, keys):
        signed(keys)
        assert verify("s.json") == (0, {"signature-unchecked": "warning"})

    def test_a_word_was_changed(self, keys):
        envelope = signed(keys)
        rewritten(envelope, payload=payload_of(envelope).replace(b"PASSED", b"FAILED"))
        assert verify("s.json", "--key", keys / "ed25519.pub") == (
            1, {"signature-invalid": "error", "says-failed": "error"})

    def test_another_key(self, keys):
        signed(keys)
        assert verify("s.json", "--key", keys / "other.pub") == (1, {"signature-invalid": "error"})

    def test_a_key_of_another_kind(self, keys):
        signed(keys)
        assert verify("s.json", "--key", keys / "rsa.pub") == (1, {"signature-invalid": "error"})

    def test_the_identifier_of_a_key_proves_nothing(self, keys):
        envelope, other = signed(keys, "other"), signed(keys)
        envelope["signatures"][0]["keyid"] = other["signatures"][0]["keyid"]
        Path("s.json").write_text(json.dumps(envelope))
        assert verify("s.json", "--key", keys / "ed25519.pub") == (1, {"signature-invalid": "error"})

    def test_another_type_of_payload(self, keys):
        rewritten(signed(keys), payloadType="text/plain")
        assert verify("s.json", IMAGE, "--key", keys / "ed25519.pub") == (
            1, {"signature-invalid": "error", "of-another-type": "error"})

    def test_no_signature(self, keys):
        rewritten(signed(keys), signatures=[])
        assert verify("s.json", "--key", keys / "ed25519.pub") == (1, {"unsigned": "error"})
        assert verify("s.json") == (0, {"unsigned": "warning"})

    def test_a_statement_without_envelope(self, keys):
        check("--statement", "s.json")
        assert verify("s.json", "--key", keys / "ed25519.pub") == (1, {"unsigned": "error"})

    def test_several_signatures(self, keys):
        first, second = signed(keys), signed(keys, "other")
        rewritten(first, signatures=first["signatures"] + second["signatures"])
        for key in ("ed25519", "other"):
            assert verify("s.json", "--key", keys / f"{key}.pub") == (0, {"further-signatures": "note"})
        assert verify("s.json", "--key", keys / "p256.pub") == (1, {"signature-invalid": "error"})

    def test_another_image(self, keys):
        signed(keys)
        with open(IMAGE, "ab") as file:
            file.write(bytes(512))
        assert verify("s.json", "--key", keys / "ed25519.pub") == (1, {"of-another-image": "error"})

    def test_another_rule_book(self, monkeypatch):
        monkeypatch.setattr("imgbuild.rulebook.digest.digest_of", lambda *_: "0" * 64)
        check("--statement", "s.json")
        assert verify("s.json") == (0, {"unsigned": "warning", "of-another-rule-book": "warning"})

    @pytest.mark.parametrize("payload", [b"", b"[]", b"{}", b"\xff", b'{"_type": 1}', b"[" * 100_000,
                                         b'{"_type": "https://in-toto.io/Statement/v0.1", "predicateType": "x"}',
                                         b'{"_type": "https://in-toto.io/Statement/v1", "predicateType": "x"}'])
    def test_a_payload_that_is_no_statement(self, payload, keys):
        rewritten(signed(keys), payload=payload)
        status, found = verify("s.json", IMAGE)
        assert status == 1
        assert found == {"signature-unchecked": "warning", "of-another-type": "error"}

    @pytest.mark.parametrize("changes", [{"payload": "no base64"}, {"signatures": [{"sig": "no base64"}]},
                                         {"signatures": [{"sig": ""}] * 101}])
    def test_an_envelope_that_is_damaged(self, changes, keys):
        Path("s.json").write_text(json.dumps(signed(keys) | changes))
        status, found = verify("s.json", IMAGE, "--key", keys / "ed25519.pub")
        assert status == 1
        assert "signature-invalid" in found

    def test_a_manifest_and_its_statement(self, keys):
        signed(keys)
        call("build", IMAGE, "-q", "-o", "m.json")
        assert verify("m.json", "--statement", "s.json", "--key", keys / "ed25519.pub") == (0, {})
        Path("s.json").write_text(Path("s.json").read_text().replace("eyJ", "eyI"))
        assert verify("m.json", "--statement", "s.json", "--key", keys / "ed25519.pub")[0] == 1


WRONG = [  # words, exit status, message
    (["check", IMAGE, "--sign-key", "K/ed25519.pem"], 2,
     "--sign-key signs a statement (name its file: --statement FILE)"),
    (["check", IMAGE, "m.json", "--statement", "s"], 2,
     "one statement, but 2 images (give each image a run of its own)"),
    (["build", IMAGE, "--no-checksum", "--statement", "s"], 2,
     "--statement and --no-checksum contradict each other (a statement is on a checksum)"),
    (["check", IMAGE, "--statement", "s", "--sign-key", "absent"], 3,
     "cannot read the key 'absent': No such file or directory"),
    (["check", IMAGE, "--statement", IMAGE], 2, f"the output '{IMAGE}' is the input '{IMAGE}' (name another file)"),
    (["verify", "m.json", "--key", "K/ed25519.pub"], 2, "--key verifies a statement (name it: --statement FILE)"),
    (["verify", "m.json", "--statement", "m.json"], 3,
     "'m.json' is no statement and no envelope (imgbuild check --statement FILE IMAGE makes one)"),
    (["verify", "s.json", "--statement", "s.json"], 2,
     ("'s.json' is a statement: no answer and no other statement is compared with it (name the manifest, and the"
      " statement with --statement)")),
    (["verify", "s.json", "absent"], 3, "no such file: 'absent' (check the path)"),
    (["verify", "e/s.json"], 3, f"no such file: 'e/{IMAGE}', the image of 'e/s.json' (name it behind that)"),
]


@pytest.mark.parametrize(("words", "status", "message"), WRONG)
def test_words_that_cannot_be(words, status, message, keys):
    call("build", IMAGE, "-q", "-o", "m.json")
    check("--statement", "s.json")
    Path("e").mkdir()
    shutil.copy("s.json", "e")
    assert errors(*(word.replace("K/", f"{keys}/") for word in words)) == (status, message)


@pytest.mark.parametrize(("key", "says"), [("ed25519.pub", "cannot use the key"), ("secret.pem", "IMGBUILD_SIGN_PASS")])
def test_keys_that_cannot_sign(key, says, keys):
    status, message = errors("check", IMAGE, "--statement", "s.json", "--sign-key", keys / key)
    assert status == 3
    assert says in message
    assert not Path("s.json").exists()


@pytest.mark.parametrize("kind", NOT_TAKEN)
@pytest.mark.parametrize(("words", "half", "ending"), [
    (["check", IMAGE, "--statement", "n.json", "--sign-key"], "private", "pem"),
    (["verify", "s.json", "--key"], "public", "pub")])
def test_keys_of_other_kinds_are_refused_with_the_kinds_that_are_taken(words, half, ending, kind, keys):
    signed(keys)
    key = keys / f"{kind}.{ending}"
    status, message = errors(*words, key)
    assert status == 3
    assert message == (f"cannot use the key {str(key)!r}: it is of a kind that is not taken (name a {half} key in PEM:"
                       f" {TAKEN})")


def test_a_private_key_verifies_nothing(keys):
    signed(keys)
    status, message = errors("verify", "s.json", "--key", keys / "ed25519.pem")
    assert (status, message.endswith(f"(name a public key in PEM: {TAKEN})")) == (3, True)


@pytest.mark.parametrize("words", [["check", IMAGE, "--statement", "t", "--sign-key", "KEY"],
                                   ["verify", "s.json", "--key", "PUB"]])
def test_without_the_libraries_it_says_how_to_get_them(words, keys, monkeypatch):
    signed(keys)
    monkeypatch.setitem(sys.modules, "securesystemslib", None)
    words = [str({"KEY": keys / "ed25519.pem", "PUB": keys / "ed25519.pub"}.get(word, word)) for word in words]
    said = "signatures need libraries that are not installed (pip install 'imgbuild[statement]')"
    assert errors(*words) == (3, said)


@pytest.mark.parametrize("epoch", ["", "x", "-1", "1.5", "9" * 20])
def test_a_time_that_is_none(epoch, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)
    assert errors("check", IMAGE, "--statement", "s") == (
        2, f"SOURCE_DATE_EPOCH {epoch!r} is no number of seconds (set it to one, or unset it)")


def test_a_statement_alone_needs_no_library(monkeypatch):
    monkeypatch.setitem(sys.modules, "securesystemslib", None)
    monkeypatch.setitem(sys.modules, "cryptography", None)
    assert check("--statement", "s.json").exit_code == 0
    assert verify("s.json") == (0, {"unsigned": "warning"})


def test_a_document_is_told_from_a_manifest():
    assert [statements.is_statement(data) for data in (b'{"_type": 1}', b'{"payloadType": 1}', b'{"kind": "manifest"}',
                                                       b"[]", b"\xff", b"[" * 100_000)] == [True, True] + [False] * 4


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=8),
                    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
                        ["_type", "subject", "name", "digest", "sha256", "predicateType", "predicate", "policy",
                         "verificationResult", statements.FOUND, "cloud", "payload", "payloadType", "signatures",
                         "sig", "keyid"]), inner, max_size=4), max_leaves=12)
STATEMENT = {"_type": statements.STATEMENT_TYPE, "predicateType": statements.PREDICATE_TYPE,
             "subject": [{"name": "disk", "digest": {"sha256": "aa"}}],
             "predicate": {"verificationResult": "PASSED", "policy": {"digest": {"sha256": "bb"}}}}


def read(data):
    """Read a document as ``verify`` does; what is no statement may be refused, and nothing else may happen."""
    try:
        return statements.read_statement("s.json", data, None)
    except ImgbuildError:
        return None


@given(JSON, st.booleans())
def test_any_document_is_read_or_refused(document, enveloped):
    data = json.dumps({**STATEMENT, **document} if isinstance(document, dict) else document).encode()
    if enveloped:
        data = json.dumps({"payloadType": "application/vnd.in-toto+json", "signatures": [{"sig": "AA=="}],
                           "payload": base64.b64encode(data).decode()}).encode()
    said = read(data)
    assert said is None or said.slip or all(isinstance(digests, dict) for _, digests in said.subjects)


@given(st.integers(0, 400), st.integers(0, 255), st.booleans())
def test_a_damaged_document_is_read_or_refused(at, value, cut):
    data = bytearray(json.dumps(STATEMENT).encode())
    data[at % len(data)] = value
    read(bytes(data[: at % len(data)] if cut else data))
