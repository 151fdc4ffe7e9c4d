"""Checks of what was recorded of an image when it was built: its size in Packer's manifest, its digests beside it."""

from __future__ import annotations

from typing import ClassVar, Literal

from imgbuild.checks.base import Case, Check, Hit, Hits


class Recorded(Check, frozen=True, kw_only=True, tag="recorded"):
    """The image is as it was recorded: its ``size``, or its ``checksum`` in a checksum file."""

    needs: ClassVar[frozenset[str]] = frozenset({"image"})

    fact: Literal["size", "checksum"]

    def applies(self, case: Case) -> bool:
        """Say whether something was recorded."""
        record = case.context.record
        known = record is not None and (record.size is not None if self.fact == "size" else bool(record.digests))
        return super().applies(case) and known

    def find(self, case: Case) -> Hits:
        """Yield what differs from the record."""
        record, image = case.context.record, case.image
        if record is None or image is None:
            return
        if self.fact == "size":
            if image.size != record.size:
                yield Hit(message=f"the file has {image.size} bytes; {record.file} recorded {record.size}", on="image",
                          value=image.size)
            return
        for digest in record.digests:
            found = (image.checksums or {}).get(digest.algorithm)
            if found is not None and found != digest.value:
                yield Hit(message=f"the {digest.algorithm} of the file is {found}; {digest.file} line {digest.line} has"
                                  f" {digest.value}", on="image", value=found)
