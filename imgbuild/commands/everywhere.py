"""``imgbuild check --cloud all``: where images can go, as a table over all clouds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from imgbuild.commands.options import choices_of, settings_of
from imgbuild.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

# What belongs to one cloud, or to a request that is there already, by click's names.
_OF_ONE_CLOUD = ("request", "manifest", "packer_manifest", "statement", "operation", "catalogue")


def check_everywhere(images: Sequence[str], words: dict[str, Any]) -> int:
    """Print where each image can go; return 1 where one can go nowhere, else 0.

    Raises:
        UsageError: An option was given that belongs to one cloud.
    """
    from imgbuild.commands.output import Output  # noqa: PLC0415 - --help needs none of it
    from imgbuild.commands.progress import bar  # noqa: PLC0415 - as above
    from imgbuild.destinations import find_destinations  # noqa: PLC0415 - as above
    from imgbuild.reports.views import DestinationsView  # noqa: PLC0415 - as above

    for name in _OF_ONE_CLOUD:
        if words.get(name) is not None:
            raise UsageError(f"--{name.replace('_', '-')} and --cloud all contradict each other",
                             cure="name the cloud that it is for")
    if not images:
        raise UsageError("no image is named", cure="imgbuild check --cloud all IMAGE...")
    output = Output(words, inputs=images)
    found = find_destinations(images, settings_of(words), choices_of(words, len(images)),
                              progress=bar(quiet=words["quiet"]), meanwhile=output.prepare)
    output.show(DestinationsView(destinations=found))
    output.close()
    homeless = [image for image in found.images if not any(row.verdict == "yes" for row in image.destinations)]
    return int(bool(homeless) and words["fail_on"] != "never")
