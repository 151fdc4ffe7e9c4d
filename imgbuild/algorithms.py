"""The names of checksum algorithms: what a person wrote in, the name as hashlib has it out."""

from __future__ import annotations

from imgbuild.errors import UsageError

ALGORITHMS = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512", "sha3_256", "sha3_512", "blake2b", "blake2s")


def algorithm_name(written: str) -> str:
    """Return the name of an algorithm as :data:`ALGORITHMS` has it; ``SHA-256`` is ``sha256``.

    Raises:
        UsageError: There is no such algorithm here.
    """
    wanted = written.lower().replace("-", "").replace("_", "")
    for name in ALGORITHMS:
        if name.replace("_", "") == wanted:
            return name
    raise UsageError(f"unknown checksum {written!r}: {', '.join(ALGORITHMS)} are known")
