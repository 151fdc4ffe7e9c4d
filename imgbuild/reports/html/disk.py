"""The disk, drawn: partitions to scale, how full their file systems are, and what of them the file stores.

Each segment is a column: its number, a bar that is as full as its file system, and below it a skyline of what the image
file stores. All columns are to scale; only those that would be too thin to be seen are widened.
"""

from __future__ import annotations

from string import ascii_lowercase
from typing import TYPE_CHECKING

import htpy as h

from imgbuild.documents.inspection import Space
from imgbuild.reports.html.elements import code, section, table
from imgbuild.reports.html.segments import MOST_SEGMENTS, Segment, segments, steps, stored
from imgbuild.reports.page import counted, flat
from imgbuild.sizes import human_size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from imgbuild.documents.inspection import Inspection, Usage
    from imgbuild.model import Partition, Volume
    from imgbuild.reports.html.segments import Step

_TABLES = {"gpt": "GPT", "mbr": "MBR"}
_COLUMNS = ("No.", "Type", "Start", "Size", "Holds", "In use", "In the file", "Mounted at")
_VOLUME_COLUMNS = ("No.", "Volume", "Kind", "Size", "Holds", "In use", "Mounted at")
_LEAST_REM = 1.6
_LEAST_SHARE = 60
_HEIGHT = 100
_SLIVER = 0.002
_LONGEST_LABEL = 28
_MOST_ROWS = 200


def draw_disk(image: Inspection) -> h.Element | None:
    """Return the drawing of the disk; ``None`` where there is none."""
    if not image.virtual_size:
        return None
    drawn = segments(image)
    return h.div(".drawing")[_figure(image, drawn, image.virtual_size), _volumes(image) if image.volumes else None]


def write_disk(image: Inspection, level: int, prefix: str) -> h.Element | None:
    """Return the section that says in words and numbers what is drawn; ``None`` where there is no disk."""
    if not image.virtual_size:
        return None
    return section(
        level, f"{prefix}disk", "Disk", h.p(".lead")[_words(image)],
        table("Partitions in the order of the disk", _COLUMNS, _rows(image)) if image.partitions else None,
        _left(image.partitions, "partition"),
        table("Volumes", _VOLUME_COLUMNS, _volume_rows(image)) if image.volumes else None,
        _left(image.volumes, "volume"))


def _left(listed: Sequence[object], noun: str) -> h.Element | None:
    left = len(listed) - _MOST_ROWS
    return h.p[f"{counted(left, f'more {noun}')}: the JSON of imgbuild inspect has all of them."] if left > 0 else None


def _words(image: Inspection) -> str:
    size = image.virtual_size or 0
    kind = "no partition table" if image.partition_table is None else _TABLES[image.partition_table]
    found = counted(len([part for part in image.partitions if part.index]), "partition")
    held = stored(image, 0, size)
    share = "" if held is None else f" The file stores {human_size(held)} of it ({held / size:.0%}); the rest is holes."
    if held == size:
        share = " The file stores all of it."
    return f"{human_size(size)} ({size} bytes), {kind}{f', {found}' if image.partition_table else ''}.{share}"


def _figure(image: Inspection, drawn: Sequence[Segment], size: int) -> h.Element:
    known = [steps(image, segment) for segment in drawn]
    columns = [_column(image, segment, skyline) for segment, skyline in zip(drawn, known, strict=True)]
    return h.figure(".disk")[
        h.div(".scale", role="img", aria_label=_spoken(image, drawn), style=_grid([it.size for it in drawn], size, [
            it.partition is not None for it in drawn]))[columns],
        h.div(".axis", aria_hidden="true")[h.span["0"], h.span[human_size(size)]],
        h.figcaption[_legend(image, drawn, known)],
    ]


def _grid(sizes: Iterable[int], total: int, wide: Sequence[bool]) -> str:
    """Return the columns of a grid: to scale, those of partitions never too thin to be seen."""
    least = f"min({_LEAST_REM}rem,{_LEAST_SHARE / max(1, sum(wide)):.2f}%)"
    tracks = (f"minmax({least if is_wide else _sliver(size, total)},{size / total * 1000:.3f}fr)"
              for size, is_wide in zip(sizes, wide, strict=True))
    return f"grid-template-columns:{' '.join(tracks)}"


def _sliver(size: int, total: int) -> str:
    return "0" if size < total * _SLIVER else "3px"


def _column(image: Inspection, segment: Segment, skyline: Sequence[Step]) -> h.Element:
    partition = segment.partition
    title = _title(image, segment)
    if partition is None:
        return h.div(".segment.gap", title=title)[h.div(".bar"), _skyline(skyline)]
    used = _used(image, partition)
    name = partition.mount or partition.label or partition.name or partition.type or ""
    short = name if len(name) <= _LONGEST_LABEL else f"{name[:_LONGEST_LABEL]}…"
    return h.div(".segment", title=title)[
        h.div(class_=["bar", {"unknown": used is None}])[
            h.div(".used", style=f"width:{100 * used / partition.size:.1f}%") if used is not None else None,
            h.span(".number")[str(partition.index) if partition.index else "•"],
            h.span(".name")[h.strong[short], h.br, flat((partition.filesystem, human_size(partition.size)))],
        ],
        _skyline(skyline),
    ]


def _skyline(skyline: Sequence[Step]) -> h.Element | None:
    if not skyline:
        return None
    known = "".join(_box(step.left, step.right, step.level) for step in skyline if step.level)
    unknown = "".join(_box(step.left, step.right, 0.5) for step in skyline if step.level is None)
    return h.svg(".skyline", viewBox=f"0 0 1000 {_HEIGHT}", preserveAspectRatio="none", aria_hidden="true")[
        h.path(".stored", d=known) if known else None, h.path(".unseen", d=unknown) if unknown else None]


def _box(left: float, right: float, level: float) -> str:
    """Return a box on the ground line, wide enough to be seen."""
    start, width = left * 1000, max(1.0, (right - left) * 1000)
    return f"M{start:.1f} {_HEIGHT}V{_HEIGHT - level * _HEIGHT:.0f}h{width:.1f}V{_HEIGHT}Z"


def _title(image: Inspection, segment: Segment) -> str:
    held = stored(image, segment.start, segment.size)
    share = None if held is None else f"{human_size(held)} stored in the file"
    if segment.partition is None:
        return flat((f"{human_size(segment.size)} outside of partitions", share))
    partition = segment.partition
    used = _used(image, partition)
    return flat((f"partition {partition.index}" if partition.index else "the whole disk", partition.type,
                 partition.filesystem, human_size(partition.size),
                 None if used is None else f"{human_size(used)} in use", share))


def _spoken(image: Inspection, drawn: Sequence[Segment]) -> str:
    return f"The disk from its first byte to its last: {flat((_title(image, it) for it in drawn), '; ')}."


def _legend(image: Inspection, drawn: Sequence[Segment], skylines: Sequence[Sequence[Step]]) -> Iterator[h.Node]:
    uses = [_used(image, it.partition) is not None for it in drawn if it.partition is not None]
    keys = (("used", "in use", any(uses)), ("free", "free", any(uses)),
            ("unknown", "use not known", not all(uses)),
            ("gap", "outside of partitions" if uses else "no partition is known",
             any(it.partition is None for it in drawn)),
            ("stored", "stored in the image file", any(skylines)),
            ("unseen", "not known", any(step.level is None for skyline in skylines for step in skyline)))
    yield "To scale; what would be too thin to be seen is widened. "
    for name, words, there in keys:
        if there:
            yield from (h.span(".key-words")[h.span(class_=["key", name]), words], " ")


def _used(image: Inspection, partition: Partition) -> int | None:
    """Return the bytes in use of the file system of a partition."""
    return _usage_of(image, partition.size, lambda found: found.partition == partition.index)


def _used_of_volume(image: Inspection, volume: Volume) -> int | None:
    return _usage_of(image, volume.size, lambda found: found.volume == volume.name)


def _usage_of(image: Inspection, size: int, is_it: Callable[[Usage], bool]) -> int | None:
    """Return the bytes in use of what is looked for, if they are some of the ``size`` bytes that it has."""
    usages = image.space.file_systems if isinstance(image.space, Space) else ()
    return next((found.used for found in usages if is_it(found) and 0 < size >= found.used), None)


def _rows(image: Inspection) -> Iterator[list[h.Node]]:
    for it in sorted(image.partitions, key=lambda partition: (partition.start, partition.index))[:_MOST_ROWS]:
        held = stored(image, it.start, it.size)
        yield [h.span(".number")[str(it.index) if it.index else "•"], _names(it.type or it.type_id, it.name),
               human_size(it.start) if it.start else "0", human_size(it.size), _names(it.filesystem, it.label, it.uuid),
               _usage(_used(image, it), it.size), None if held is None else human_size(held), code(it.mount)]


def _volume_rows(image: Inspection) -> Iterator[list[h.Node]]:
    for sign, it in _lettered(image.volumes[:_MOST_ROWS]):
        yield [h.span(".number")[sign], code(it.name), it.kind, human_size(it.size),
               _names(it.filesystem, it.label, it.uuid), _usage(_used_of_volume(image, it), it.size), code(it.mount)]


def _lettered(volumes: Sequence[Volume]) -> Iterator[tuple[str, Volume]]:
    """Give each volume with a letter, so that it is not taken for a partition: a to z, then aa."""
    for index, volume in enumerate(volumes):
        rounds, letter = divmod(index, len(ascii_lowercase))
        yield ascii_lowercase[letter] * (rounds + 1), volume


def _names(first: str | None, second: str | None, identifier: str | None = None) -> h.Node:
    """Return a name, a further one after it, and an identifier below it."""
    words = flat((first, None if second is None else f"“{second}”"), " ")
    return [words, h.small[h.code[identifier]] if identifier else None] if words else None


def _usage(used: int | None, size: int) -> str | None:
    return None if used is None else f"{human_size(used)} ({used / size:.0%})"


def _volumes(image: Inspection) -> h.Element:
    """Return the volumes to one scale among themselves: where they lie in their group is not drawn."""
    drawn = image.volumes[:MOST_SEGMENTS]
    total = max(1, sum(volume.size for volume in drawn))
    columns = []
    for sign, volume in _lettered(drawn):
        used = _used_of_volume(image, volume)
        columns.append(h.div(".segment", title=flat((volume.name, volume.filesystem, human_size(volume.size))))[
            h.div(class_=["bar", {"unknown": used is None}])[
                h.div(".used", style=f"width:{100 * used / volume.size:.1f}%") if used is not None else None,
                h.span(".number")[sign],
                h.span(".name")[h.strong[volume.mount or volume.name], h.br, flat((volume.filesystem,
                                                                              human_size(volume.size)))]]])
    label = f"The logical volumes: {flat((f'{it.name}, {human_size(it.size)}' for it in drawn), '; ')}."
    return h.figure(".disk.volumes")[
        h.div(".scale", role="img", aria_label=label,
              style=_grid([it.size for it in drawn], total, [True] * len(drawn)))[columns],
        h.figcaption["Logical volumes, to one scale among themselves."]]
