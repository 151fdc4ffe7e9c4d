"""Envelopes: a payload and a private key in, a signed envelope out; an envelope and a public key in, what it says out.

The form is DSSE, https://github.com/secure-systems-lab/dsse/blob/master/envelope.md, with keys in PEM: Ed25519, ECDSA
on the curves P-256, P-384 and P-521, and RSA (PSS). securesystemslib signs and verifies; it is an optional extra, and
imported when somebody asks. Who signed is told by the key alone: the identifiers in an envelope are not signed.
"""

from __future__ import annotations

import base64
import binascii
import os
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from imgbuild.errors import ImgbuildError

if TYPE_CHECKING:
    from securesystemslib.signer import CryptoSigner, SSlibKey

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
        made: CryptoSigner = signer.CryptoSigner(key)
    except TypeError as error:  # a passphrase is missing, or not asked for
        raise ImgbuildError(f"cannot use the key {path!r}: {error}", cure=f"its passphrase is taken from {PASSPHRASE}"
                            ) from error
    except Exception as error:  # each kind of damage to a key has an exception of its own
        raise ImgbuildError(f"cannot use the key {path!r}: {_words(error)}", cure=_KEYS) from error
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


def _is_by(public: SSlibKey, signature: _Signature, payload: bytes, payload_type: str) -> bool:
    from securesystemslib.dsse import Envelope as Made  # noqa: PLC0415 - as above
    from securesystemslib.exceptions import UnverifiedSignatureError  # noqa: PLC0415 - as above
    from securesystemslib.signer import Signature  # noqa: PLC0415 - as above

    data = _bytes(signature.sig)
    if data is None:
        return False
    try:
        public.verify_signature(Signature(public.keyid, data.hex()), Made(payload, payload_type, {}).pae())
    except UnverifiedSignatureError:
        return False
    return True


def _public_key(path: str) -> SSlibKey:
    signer, serialization = _libraries()
    data = _key_file(path)
    try:
        made: SSlibKey = signer.SSlibKey.from_crypto(serialization.load_pem_public_key(data))
    except Exception as error:  # as with private keys
        raise ImgbuildError(f"cannot use the key {path!r}: {_words(error)}", cure="name a public key in PEM") from error
    return made


_KEYS = "name a private key in PEM: Ed25519, ECDSA on P-256, P-384 or P-521, or RSA"


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
        with open(path, "rb") as file:
            return file.read(KEY_BYTES)
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
