"""Compare imgbuild with everyday programs: ``python tests/benchmarks/run.py``, in about ten minutes.

Nothing here is a test. It makes its own disks, or takes the raw ones of a folder (``--disks``), and prints tables as it
goes: ratios, how much is read, and how the time grows with what there is to read. With ``--write README.md`` they take
the place of the last ones there. Run it where nothing else is running, with the interpreter of an environment in which
imgbuild is installed as a wheel; programs that are not there are left out. oslo.utils needs the package cryptography,
virt-inspector a kernel in /boot.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parent.parent))

import reading
import scaling
from apart import apart
from comparisons import SELDOM, content_pairs, hash_pairs, info_pairs, start_pairs, stream_pairs
from measuring import RATIOS, compare, machine
from subjects import find_disks, in_container, large_file, make_disks
from tables import Page, write_into

if TYPE_CHECKING:
    from collections.abc import Iterator

TABLES = ("ratios", "content", "reads", "growth")


def ratios(raws: dict[str, Path], folder: Path, rounds: int) -> Iterator[tuple[str, ...]]:
    """Give a row for each pair; what takes long is compared less often."""
    seldom = max(1, rounds * 2 // 3)
    for pair in start_pairs(raws, folder):
        yield compare(pair, rounds)
    for pair in stream_pairs(raws["ext4"], folder):
        yield compare(pair, rounds)
    for pair in info_pairs(str(in_container("qcow2", raws["ext4"], folder))):
        yield compare(pair, seldom)
    for pair in hash_pairs(str(large_file(raws["ext4"], folder)), folder):
        yield compare(pair, seldom)


def main() -> None:
    """Make the disks, print the tables, and write them into a file if that is wanted."""
    words = _parser().parse_args()
    page, wanted = Page(sys.stdout), words.only or TABLES
    with tempfile.TemporaryDirectory(dir=words.folder) as name:
        folder = Path(name)
        raws = find_disks(words.disks) if words.disks else apart(make_disks, folder)
        if "ext4" not in raws:
            sys.exit(f"no disk with ext4 in {words.disks or 'the ones that were made: mke2fs is needed'}")
        if "ratios" in wanted:
            page.say(f"Medians of pairs that ran in turn, {words.rounds} at most, with {machine()}:", "")
            page.table(*RATIOS, ratios(raws, folder, words.rounds))
        if "content" in wanted:
            page.say("The whole disk read and unpacked by `inspect --no-checksum --content`:", "")
            pairs = content_pairs(raws["ext4"], folder)
            page.table(*RATIOS, (compare(pair, min(SELDOM, words.rounds)) for pair in pairs))
        if "reads" in wanted:
            page.say("What `inspect --no-checksum` reads:", "")
            page.table(*reading.READS, reading.rows(raws, folder))
    if "growth" in wanted:
        page.say("How the time grows; where the line is straight, one more costs the same below and above:", "")
        page.table(*scaling.GROWTH, scaling.rows(words.folder, min(scaling.ROUNDS, words.rounds), words.largest))
    if words.write:
        write_into(words.write, page.lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--disks", type=Path, help="raw disks to inspect; their names say ext4, xfs, lvm or btrfs")
    parser.add_argument("--folder", type=Path, help="where files are made (a temporary folder); needs 12 GB, and more "
                        "for large full files unless it can share blocks, as XFS does")
    parser.add_argument("--rounds", type=int, default=11, help="how often each pair is compared (11)")
    parser.add_argument("--only", choices=TABLES, action="append", help="only this table; may be repeated")
    parser.add_argument("--largest", type=int, default=16, help="GiB of the largest full file, if it fits (16)")
    parser.add_argument("--write", type=Path, help="a file in which the tables take the place of the last ones")
    return parser


if __name__ == "__main__":
    main()
