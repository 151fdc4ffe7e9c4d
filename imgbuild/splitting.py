"""Name the parts of a split image for what they are: facts and path in, the same facts with a problem more out.

``split``, 7-Zip and file managers cut a file into ``disk.raw.001``, ``disk.raw.part1`` or ``xaa``; VMware keeps a disk
in ``disk-s001.vmdk`` or ``disk-flat.vmdk`` beside its descriptor. The content of a part says little of that, so the
names decide, and the names beside it: whether they are there is asked, and no other file is opened.

split(1), https://www.gnu.org/software/coreutils/manual/html_node/split-invocation.html
"VMware Virtual Disk Format 1.1", VMware, 2007, section "Layout Basics"
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from imgbuild.readers import problem, quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from imgbuild.documents.inspection import Inspection
    from imgbuild.model import Problem

MOST_PARTS = 1000

# What is before the number, the number or the letters that count.
_PARTS = (r"(?P<stem>.+)\.(?P<number>\d{3})", r"(?P<stem>.+?)[._-]?[Pp]art[._-]?(?P<number>\d{1,4}|[a-z]{2,3})",
          r"(?P<stem>x|.+[._-])(?P<number>[a-z]{2,3})")
_EXTENT = r"(?P<stem>.+)-(?:flat|[sf]\d{3}|\d{6}-[sf]\d{3}|delta)(?P<ending>\.(?:vmdk|VMDK))"

# What is found in a part that is not the whole.
_CUT = frozenset({"filesystem-truncated", "gpt-past-end", "iso-truncated", "nothing-inside", "partition-past-end",
                  "truncated"})


class _Name(NamedTuple):
    """A name of a part: what is before the number, the number, and what the whole is called."""

    before: str
    number: str
    whole: str

    def others(self, step: int) -> Iterator[str]:
        """Yield the names that the part so many places on can have: numbers with zeros in front, and without."""
        counted = _digits(self.number, step) if self.number.isdecimal() else _letters(self.number, step)
        yield from (self.before + number for number in dict.fromkeys(counted))


def supplement(image: Inspection, path: str) -> Inspection:
    """Return the facts of the file at ``path``, with what its name says on the whole that it is a part of."""
    folder, name = os.path.split(path)

    def is_there(other: str) -> bool:
        return os.path.isfile(os.path.join(folder, other))

    extent = re.fullmatch(_EXTENT, name)
    found = _of_extent(image, extent, is_there) if extent else _of_part(image, name, is_there)
    return image if found is None else msgspec.structs.replace(image, problems=(*image.problems, found))


def _of_extent(image: Inspection, extent: re.Match[str], is_there: Callable[[str], bool]) -> Problem | None:
    descriptor = extent["stem"] + extent["ending"]
    if image.format not in {"raw", "vmdk"}:
        return None
    from shlex import quote  # noqa: PLC0415 - nearly no file is a part

    where = "which lies beside it" if is_there(descriptor) else "which is not beside it"
    command = f"imgbuild check --allow-external {quote(descriptor)}"
    return problem("vmdk-extent", f"by its name the file is an extent of the disk whose descriptor is"
                                  f" {quoted(descriptor)}, {where}; give that file: '{command}'")


def _of_part(image: Inspection, name: str, is_there: Callable[[str], bool]) -> Problem | None:
    part = _part_of(name)
    if part is None:
        return None
    first = _walk(part, -1, is_there)
    last = _walk(part, 1, is_there)
    alone = first == last
    if alone and (not _is_first(part.number) or not _CUT & {known.code for known in image.problems}):
        return None
    if alone:
        return problem("split-part", f"by its name the file is the first part of {quoted(part.whole)}, and the others"
                                     " are not beside it; get all of them, and join them")
    from shlex import quote  # noqa: PLC0415 - as above

    # Names of one length sort as they follow each other, as the shell's patterns do.
    numbers = [known.removeprefix(part.before) for known in (first, last)]
    mark = "[0-9]" if part.number.isdecimal() else "[a-z]"
    marks = mark * len(part.number) if len(numbers[0]) == len(numbers[1]) else "{" + "..".join(numbers) + "}"
    pattern = quote(part.before) + marks
    return problem("split-part", f"the file is one of the parts {quoted(first)} to {quoted(last)} of"
                                 f" {quoted(part.whole)}; join them first: 'cat {pattern} > {quote(part.whole)}'")


def _part_of(name: str) -> _Name | None:
    for pattern in _PARTS:
        found = re.fullmatch(pattern, name)
        if found is not None:
            whole = found["stem"].rstrip("._-")
            return _Name(name[: -len(found["number"])], found["number"], "disk.raw" if found["stem"] == "x" else whole)
    return None


def _is_first(number: str) -> bool:
    return number.strip("a") == "" or (number.isdecimal() and int(number) <= 1)


def _walk(part: _Name, direction: int, is_there: Callable[[str], bool]) -> str:
    """Return the name of the last part that is there in a direction."""
    last = part.before + part.number
    for step in range(1, MOST_PARTS):
        other = next((name for name in part.others(direction * step) if is_there(name)), None)
        if other is None:
            break
        last = other
    return last


def _digits(number: str, step: int) -> list[str]:
    value = int(number) + step
    return [str(value).zfill(len(number)), str(value)] if value >= 0 else []


def _letters(number: str, step: int) -> list[str]:
    """Count on in letters: ``az`` is followed by ``ba``."""
    value = step
    for letter in number:
        value = (value - step) * 26 + ord(letter) - ord("a") + step
    text = ""
    for _ in number:
        value, digit = divmod(value, 26)
        text = chr(ord("a") + digit) + text
    return [text] if value == 0 else []
