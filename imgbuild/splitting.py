"""Name the parts of a split image for what they are: facts and path in, the same facts with a problem more out.

``split``, 7-Zip and file managers cut a file into ``disk.raw.001``, ``disk.raw.00``, ``disk.raw.part1`` or ``xaa``;
``zip`` makes ``disk.z01`` and, as the last one, ``disk.zip``; VMware keeps a disk in ``disk-s001.vmdk`` or
``disk-flat.vmdk`` beside its descriptor. The content of a part says little of that, so the names decide, and the names
beside it: whether they are there is asked, and no other file is opened.

split(1), https://www.gnu.org/software/coreutils/manual/html_node/split-invocation.html
"APPNOTE.TXT - .ZIP File Format Specification", PKWARE, 6.3.10, section 8.3,
https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
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
# Releases and days end like these, too: they are parts where the first one is there, which has 0 or 1.
_COUNTED = r"(?P<stem>x|.+[._-])(?P<number>\d{2,4})"
_SEGMENT = r"(?P<stem>.+)\.z\d{2,3}"
_EXTENT = r"(?P<stem>.+)-(?:flat|[sf]\d{3}|\d{6}-[sf]\d{3}|delta)(?P<ending>\.(?:vmdk|VMDK))"

# What is found in a part that is not the whole.
_CUT = frozenset({"filesystem-truncated", "gpt-past-end", "iso-truncated", "nothing-inside", "partition-past-end",
                  "truncated"})


class _Name(NamedTuple):
    """A name of a part: what is before the number, the number, and what the whole is called.

    ``from_first`` says that it is one only where the parts before it are there, down to the first.
    """

    before: str
    number: str
    whole: str
    from_first: bool = False

    def others(self, step: int) -> Iterator[str]:
        """Yield the names that the part so many places on can have: numbers with zeros in front, and without."""
        counted = _digits(self.number, step) if self.number.isdecimal() else _letters(self.number, step)
        yield from (self.before + number for number in dict.fromkeys(counted))


def supplement(image: Inspection, path: str) -> Inspection:
    """Return the facts of the file at ``path``, with what its name says on the whole that it is a part of."""
    folder, name = os.path.split(path)

    def is_there(other: str) -> bool:
        return os.path.isfile(os.path.join(folder, other))

    extent, segment = re.fullmatch(_EXTENT, name), re.fullmatch(_SEGMENT, name)
    if extent:
        found = _of_extent(image, extent, is_there)
    elif segment:
        found = _of_segment(image, f"{segment['stem']}.zip", is_there)
    else:
        found = _of_part(image, name, is_there)
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


def _of_segment(image: Inspection, last: str, is_there: Callable[[str], bool]) -> Problem | None:
    if image.format not in {"raw", "zip", None}:
        return None
    from shlex import quote  # noqa: PLC0415 - as above

    where = "which lies beside it" if is_there(last) else "which is not beside it"
    # zip 3.0 itself loses data where it joins an entry that lies in three segments or more.
    return problem("split-part", f"by its name the file is a segment of the zip archive that ends with {quoted(last)},"
                                 f" {where}; take the image out of all of them with 7-Zip: '7z x {quote(last)}'")


def _of_part(image: Inspection, name: str, is_there: Callable[[str], bool]) -> Problem | None:
    part = _part_of(name)
    if part is None:
        return None
    first = _walk(part, -1, is_there)
    last = _walk(part, 1, is_there)
    alone = first == last
    if part.from_first and not _is_first(first.removeprefix(part.before)):
        return None
    if alone and (not _is_first(part.number) or not _CUT & {known.code for known in image.problems}):
        return None
    if alone:
        return problem("split-part", f"by its name the file is the first part of {quoted(part.whole)}, and the others"
                                     " are not beside it; get all of them, and join them")
    from shlex import quote  # noqa: PLC0415 - as above

    pattern = quote(part.before) + _marks(first.removeprefix(part.before), last.removeprefix(part.before))
    return problem("split-part", f"the file is one of the parts {quoted(first)} to {quoted(last)} of"
                                 f" {quoted(part.whole)}; join them first: 'cat {pattern} > {quote(part.whole)}'")


def _marks(first: str, last: str) -> str:
    """Return what a shell takes for all numbers from the first to the last, in their order."""
    mark = "[0-9]" if first.isdecimal() else "[a-z]"
    if len(first) == len(last):  # these sort as they follow each other
        return mark * len(first)
    if not first.startswith("0"):
        return "{" + f"{first}..{last}" + "}"
    lengths = (2, 4) if last.startswith("9") else range(len(first), len(last) + 1)  # see _digits
    return "{" + ",".join(mark * length for length in lengths) + "}"


def _part_of(name: str) -> _Name | None:
    for pattern in (*_PARTS, _COUNTED):
        found = re.fullmatch(pattern, name)
        if found is not None:
            whole = "disk.raw" if found["stem"] == "x" else found["stem"].rstrip("._-")
            return _Name(name[: -len(found["number"])], found["number"], whole, from_first=pattern is _COUNTED)
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
    """Count on in digits, also as ``split`` does where it runs out of two: ``89`` is followed by ``9000``."""
    value = int(number) + step
    if re.fullmatch(r"9\d{3}", number):
        return [str(value)] if value >= 9000 else _digits("89", value - 8999)  # noqa: PLR2004 - as split counts
    grown = [str(9000 + value - 90)] if len(number) == 2 and value >= 90 else []  # noqa: PLR2004 - as split counts
    return [str(value).zfill(len(number)), str(value), *grown] if value >= 0 else []


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
