"""Envelopes: a payload and a private key in, a signed envelope out; an envelope and a public key in, what it says out.

The form is DSSE, https://github.com/secure-systems-lab/dsse/blob/master/envelope.md, with keys in PEM: Ed25519, ECDSA
on the curves P-256, P-384 and P-521, and RSA. DSSE leaves the algorithms open. Signed is as in-toto does it: RSA with
PSS, and the hash as long as the curve. What cosign signs is verified, too: it takes SHA-256 for each curve, and PKCS#1
v1.5 for RSA. securesystemslib signs and verifies; it is an optional extra, and imported when somebody asks. Who signed
is told by the key alone: the identifiers in an envelope are not signed.

in-toto: https://github.com/secure-systems-lab/securesystemslib/blob/main/securesystemslib/signer/_key.py
cosign: https://github.com/sigstore/sigstore/blob/main/pkg/signature/verifier.go (LoadVerifier), and for the curves
https://github.com/sigstore/protobuf-specs/blob/main/protos/sigstore_common.proto (PKIX_ECDSA_P384_SHA_256)
"""

from __future__ import annotations

import base64
import binascii
import os
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from imgbuild.errors import ImgbuildError
from imgbuild.smallfiles import read_small

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
    from securesystemslib.signer import CryptoSigner

PAYLOAD_TYPE = "application/vnd.in-toto+json"
PASSPHRASE = "IMGBUILD_SIGN_PASSPHRASE"  # noqa: S105 - the name of a variable
KEY_BYTES = 64 << 10
MOST_SIGNATURES = 100


class _Signature(msgspec.Struct):
    sig: str
    keyid: str = ""


class Envelope(msgspec.Struct, rename="camel"):
    """An envelope as it was read; nothing of it is verified."""

    payload: str
    payload_type: str
    signatures: list[_Signature] = []


class Opened(NamedTuple):
    """The payload of an envelope, and how many of its signatures are by the key (``None``: no key was given)."""

    payload: bytes
    by_key: int | None
    slip: str | None = None


def load_signer(path: str) -> CryptoSigner:
    """Return what signs with the private key in a file; its passphrase is taken from the environment.

    Raises:
        ImgbuildError: The key cannot be read or is of no known kind, or the libraries are missing.
    """
    signer, serialization = _libraries()
    secret, data = os.environ.get(PASSPHRASE), _key_file(path)
    try:
        key = serialization.load_pem_private_key(data, secret.encode() if secret else None)
    except TypeError as error:  # a passphrase is missing, or not asked for
        raise ImgbuildError(f"cannot use the key {path!r}: {error}", cure=f"its passphrase is taken from {PASSPHRASE}"
                            ) from error
    except Exception as error:  # each kind of damage to a key has an exception of its own
        raise ImgbuildError(f"cannot use the key {path!r}: {_words(error)}", cure=_cure("private")) from error
    try:
        made: CryptoSigner = signer.CryptoSigner(key)
    except ValueError as error:
        raise _another_kind(path, "private") from error
    return made


def sign(payload: bytes, signer: CryptoSigner) -> dict[str, Any]:
    """Return the envelope of a statement, signed."""
    from securesystemslib.dsse import Envelope as Made  # noqa: PLC0415 - the signer has loaded the library

    made = Made(payload, PAYLOAD_TYPE, {})
    made.sign(signer)
    return dict(made.to_dict())


def opened(envelope: Envelope, key: str | None) -> Opened:
    """Return the payload of an envelope, and what a public key says of its signatures.

    Raises:
        ImgbuildError: The key cannot be read or is of no known kind, or the libraries are missing.
    """
    payload = _bytes(envelope.payload)
    public = None if key is None else _public_key(key)
    if payload is None or len(envelope.signatures) > MOST_SIGNATURES:
        slip = "the payload is no base64" if payload is None else f"it has over {MOST_SIGNATURES} signatures"
        return Opened(b"", None if public is None else 0, slip)
    if public is None:
        return Opened(payload, None)
    return Opened(payload, sum(_is_by(public, one, payload, envelope.payload_type) for one in envelope.signatures))


def _is_by(public: PublicKeyTypes, signature: _Signature, payload: bytes, payload_type: str) -> bool:
    from securesystemslib.dsse import Envelope as Made  # noqa: PLC0415 - as above
    from securesystemslib.exceptions import UnverifiedSignatureError  # noqa: PLC0415 - as above
    from securesystemslib.signer import Signature, SSlibKey  # noqa: PLC0415 - as above

    data = _bytes(signature.sig)
    if data is None:
        return False
    key, signed = SSlibKey.from_crypto(public), Made(payload, payload_type, {}).pae()
    try:
        key.verify_signature(Signature(key.keyid, data.hex()), signed)
    except UnverifiedSignatureError:
        return _is_as_cosign_signs(public, data, signed)
    return True


def _is_as_cosign_signs(public: PublicKeyTypes, signature: bytes, signed: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - as above
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa  # noqa: PLC0415 - as above
    from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415 - as above

    try:
        if isinstance(public, rsa.RSAPublicKey):
            public.verify(signature, signed, padding.PKCS1v15(), SHA256())
        elif isinstance(public, ec.EllipticCurvePublicKey):
            public.verify(signature, signed, ec.ECDSA(SHA256()))
        else:
            return False
    except InvalidSignature:
        return False
    return True


def _public_key(path: str) -> PublicKeyTypes:
    signer, serialization = _libraries()
    data = _key_file(path)
    try:
        key: PublicKeyTypes = serialization.load_pem_public_key(data)
    except Exception as error:  # as with private keys
        raise ImgbuildError(f"cannot use the key {path!r}: {_words(error)}", cure=_cure("public")) from error
    try:
        signer.SSlibKey.from_crypto(key)
    except ValueError as error:
        raise _another_kind(path, "public") from error
    return key


def _another_kind(path: str, half: str) -> ImgbuildError:
    return ImgbuildError(f"cannot use the key {path!r}: it is of a kind that is not taken", cure=_cure(half))


def _cure(half: str) -> str:
    return f"name a {half} key in PEM: Ed25519, ECDSA on P-256, P-384 or P-521, or RSA"


def _libraries() -> tuple[Any, Any]:
    try:
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - an optional extra
        from securesystemslib import signer  # noqa: PLC0415 - as above
    except ImportError as error:
        raise ImgbuildError("signatures need libraries that are not installed",
                            cure="pip install 'imgbuild[statement]'") from error
    return signer, serialization


def _key_file(path: str) -> bytes:
    try:
        return read_small(path, KEY_BYTES)
    except OSError as error:
        raise ImgbuildError(f"cannot read the key {path!r}: {error.strerror}") from error


def _words(error: Exception) -> str:
    return str(error).partition("\n")[0].partition(". ")[0][:160] or type(error).__name__


def _bytes(text: str) -> bytes | None:
    """Return what a text in base64 stands for, with the letters of either alphabet, as DSSE allows."""
    try:
        return base64.b64decode(text.replace("-", "+").replace("_", "/").encode(), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        return None
