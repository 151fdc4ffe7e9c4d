"""Find, load and validate rule packs: the name of a cloud in, a :class:`RuleBook` out."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imgbuild.model import Source
    from imgbuild.profiles import Catalogue, Profile

DEFAULT_CLOUD = "huaweicloud"


class RuleBook:
    """The rules and values of one cloud, with those of the packs it inherits."""

    profile: Profile

    @property
    def catalogue(self) -> Catalogue:
        """The spellings of ``__os_version``, read when first asked for."""
        raise NotImplementedError

    def source(self, source_id: str, reading: str | None = None) -> Source:
        """Return a document by its id, with what it says as ``reading``."""
        raise NotImplementedError


def load(cloud: str = DEFAULT_CLOUD) -> RuleBook:
    """Return the rule book of a cloud; raises RuleBookError where a pack does not hold together."""
    raise NotImplementedError


def load_profile(cloud: str = DEFAULT_CLOUD) -> Profile:
    """Return the values of a cloud without operations, answer fields and rules: cheap, for ``inspect``."""
    raise NotImplementedError
