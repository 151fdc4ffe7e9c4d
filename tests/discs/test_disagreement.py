"""Where pycdlib reads a disc otherwise there is one finding with both views; a refusal is none."""

from __future__ import annotations

import msgspec
import pytest

from imgbuild.discs import compare
from imgbuild.documents.inspection import Inspection
from imgbuild.documents.run import DiscWitness
from imgbuild.model import Problem

ENTRY = {"platform": "bios", "bootable": True, "sector_count": 4, "load_rba": 100}
HEADER = {"volume_id": "DISC", "volume_space_size": 24, "el_torito": [{**ENTRY, "media": "no emulation"}]}
SAME = DiscWitness(found="1.22.0", answered=True, volume_id="DISC", volume_space_size=24, el_torito=(ENTRY,))
IMAGE = Inspection(path="x.iso", size=1, format="iso", container=HEADER,
                   problems=(Problem(code="iso-truncated", message="cut"),))


def other(**fields):
    return msgspec.structs.replace(SAME, **fields)


@pytest.mark.parametrize("said", [
    SAME, DiscWitness(), DiscWitness(found="1.22.0", error="PyCdlibInvalidISO: no", volume_id="OTHER"),
    other(answered=False, volume_id="OTHER")])
def test_the_same_view_and_none_are_no_disagreement(said):
    assert compare(IMAGE, said) == IMAGE.problems


@pytest.mark.parametrize(("said", "words"), [
    (other(volume_id="OTHER"), "volume identifier: 'DISC' here, 'OTHER' there"),
    (other(volume_id=None), "volume identifier: 'DISC' here, '' there"),
    (other(volume_space_size=25), "blocks: 24 here, 25 there"),
    (other(el_torito=()), "boot entries: bios at sector 100 here, none there"),
    (other(el_torito=({**ENTRY, "load_rba": 7},)), "boot entries: bios at sector 100 here, bios at sector 7 there"),
    (other(el_torito=({**ENTRY, "platform": "uefi"}, ENTRY)), "here, uefi at sector 100, bios at sector 100 there"),
    (other(names_only_here=("a\x1b",)), r"names in the root that only one of both has: 'a\x1b' here, none there"),
    (other(names_only_there=("b", "c")), "only one of both has: none here, 'b', 'c' there"),
])
def test_another_view_is_said_with_both(said, words):
    known, found = compare(IMAGE, said)
    assert (known, found.code) == (IMAGE.problems[0], "pycdlib-disagrees")
    assert found.message.startswith("pycdlib 1.22.0 reads this disc differently (")
    assert words in found.message
    assert [view.who for view in found.views] == ["imgbuild", "pycdlib"]


def test_all_that_differs_is_one_finding():
    _, found = compare(IMAGE, other(volume_id="X", volume_space_size=1, el_torito=()))
    assert (found.message.count(" here, "), found.views[0].words) == (3, "'DISC'; 24; bios at sector 100")


def test_a_disc_of_udf_alone_has_no_blocks_to_compare():
    image = msgspec.structs.replace(IMAGE, container={"volume_id": "UDF"}, problems=())
    assert compare(image, other(el_torito=())) == ()
    assert compare(msgspec.structs.replace(IMAGE, format=None), other(volume_id="X")) == IMAGE.problems
