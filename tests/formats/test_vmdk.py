from __future__ import annotations

import pytest
from pace import ENDLESS, Clock
from vmdk_images import AT_END, Builder, codes, opened, patch, plain, text, whole

from imgbuild.formats import find
from imgbuild.formats.base import Probe
from imgbuild.formats.vmdk.container import open_vmdk
from imgbuild.readers import BrokenImage, Memory

LINE = 'RW 56 SPARSE "disk.vmdk"'
WHOLE = text(LINE)


def sparse(words: str = WHOLE) -> bytes:
    return plain(descriptor=words).image()


def test_a_whole_sparse_disk_gives_its_header_and_its_content():
    disk = opened(plain().image())
    assert (disk.format, disk.virtual_size, disk.readable, disk.problems) == ("vmdk", 56 * 512, True, [])
    assert disk.header == {
        "version": 1, "flags": 3, "capacity": 56, "grainSize": 8, "descriptorOffset": 1, "descriptorSize": 20,
        "numGTEsPerGT": 4, "rgdOffset": 21, "gdOffset": 24, "overHead": 27, "uncleanShutdown": False,
        "compressAlgorithm": 0, "CID": "12345678", "parentCID": "ffffffff", "createType": "monolithicSparse",
        "extents": [{"access": "RW", "sectors": 56, "type": "SPARSE", "file": "disk.vmdk"}],
        "ddb": {"virtualHWVersion": "4", "adapterType": "ide"}}
    assert disk.read_at(0, disk.size) == plain().content


def test_a_footer_is_shown_beside_the_header():
    disk = opened(plain(compressed=True, footer=True).image())
    assert (disk.problems, disk.header["gdOffset"], disk.header["footer"]["gdOffset"]) == ([], None, 24)
    assert disk.read_at(0, disk.size) == plain().content


@pytest.mark.parametrize("words", [
    WHOLE.replace("monolithicSparse", "streamOptimized"), WHOLE.replace("\n", "\r\n"), WHOLE.replace("RW", "rw"),
    WHOLE.replace('"disk', '"my disk'), WHOLE.replace("disk.vmdk", "quite another name.vmdk"),
    WHOLE.replace("RW 56", "\nRW 56"), WHOLE.replace("disk.vmdk", "Bücher.vmdk"), WHOLE.replace(LINE, LINE + "  ")])
def test_one_extent_that_can_only_be_itself_is_safe(words):
    assert codes(sparse(words)) == []


@pytest.mark.parametrize("words", [
    WHOLE.replace("disk.vmdk", "/etc/passwd"), WHOLE.replace("disk.vmdk", "..\\x"),
    WHOLE.replace("disk.vmdk", "nbd:host:1"), WHOLE.replace("disk.vmdk", "json:{}"),
    WHOLE.replace("disk.vmdk", "http://host/x"), WHOLE.replace("SPARSE", "FLAT").replace('.vmdk"', '.vmdk" 0'),
    WHOLE.replace("SPARSE", "VMFSRDM"), WHOLE.replace("SPARSE", "SESPARSE"),
    WHOLE.replace("monolithicSparse", "twoGbMaxExtentSparse"), WHOLE.replace("monolithicSparse", "vmfsRaw"),
    WHOLE.replace("monolithicSparse", "custom"), WHOLE.replace("monolithicSparse", ""),
    WHOLE.replace(LINE, LINE + '\nRW 1 FLAT "/dev/sda" 0'), WHOLE.replace(LINE, LINE + "\n" + LINE),
    WHOLE.replace("RW 56", "# RW")])
def test_extents_elsewhere_are_a_danger(words):
    disk = opened(sparse(words))
    assert [problem.code for problem in disk.problems if problem.code != "vmdk-sizes-differ"] == ["external-extent"]
    assert (disk.virtual_size, disk.readable) == (56 * 512, False)
    with pytest.raises(BrokenImage):
        disk.read_at(0, 1)


@pytest.mark.parametrize(("line", "message"), [
    ("parentCID=1234abcd", "the disk is a delta over a disk with CID '1234abcd'; it cannot stand alone"),
    ('parentFileNameHint="/etc/shadow"', "the disk is a delta over '/etc/shadow'; it cannot stand alone"),
    ('PARENTFILENAMEHINT = "/etc/\x1b[2J"', r"the disk is a delta over '/etc/\x1b[2J'; it cannot stand alone"),
    ('parentCID=ffffffff\n# parentFileNameHint="x"',
     "the disk names a parent in a place where only some programs look for it; it cannot stand alone"),
])
def test_a_parent_is_a_backing_file(line, message):
    disk = opened(sparse(WHOLE.replace("parentCID=ffffffff", line)))
    assert [(problem.code, problem.message) for problem in disk.problems] == [("backing-file", message)]
    assert (disk.virtual_size, disk.readable) == (56 * 512, False)


def test_a_parent_in_upper_case_hexadecimal_is_none():
    assert codes(sparse(WHOLE.replace("parentCID=ffffffff", "parentCID=FFFFFFFF"))) == []


def test_a_parent_is_looked_for_where_qemu_looks_for_it():
    moved = text(LINE).encode().ljust(20 * 512, b"\0")
    hidden = sparse(WHOLE.replace("parentCID=ffffffff", 'parentCID=ffffffff\nparentFileNameHint="/etc/shadow"'))
    image = hidden + moved
    assert codes(patch(image, descriptorOffset=len(hidden) // 512)) == ["backing-file"]
    assert codes(patch(sparse() + moved, descriptorOffset=len(hidden) // 512)) == []
    filled = WHOLE.rstrip("\n").ljust(512, " ")
    assert codes(patch(sparse(filled + '\nparentFileNameHint="/etc/shadow"'), descriptorSize=1)) == ["backing-file"]
    assert codes(patch(sparse(filled), descriptorSize=1)) == []


@pytest.mark.parametrize(("words", "fault"), [
    (WHOLE + "RW 5 SPARSE\n", "line 15 is 'RW 5 SPARSE x', neither a pair nor an extent"),
    (WHOLE + "RW\n", "line 15 is 'RW', neither a pair nor an extent"),
    (WHOLE + "=x\n", "line 15 is '=x', neither a pair nor an extent"),
    (WHOLE + 'a"b=c\n', """line 15 is 'a"b=c', neither a pair nor an extent"""),
    (WHOLE + 'createType="vmfs"\n', "line 15 gives createType a second time"),
    (WHOLE + 'parentCID="1"\n', "line 15 gives parentCID a second time"),
    (WHOLE + '# harmless\rRW 1 FLAT "/etc/passwd" 0\n', "line 15 goes on after a carriage return"),
    (WHOLE + "\x1b[2J\n", r"line 15 is '\x1b[2J', neither a pair nor an extent"),
])
def test_lines_that_programs_read_differently_are_refused(words, fault):
    disk = opened(sparse(words.replace("RW 5 SPARSE\n", "RW 5 SPARSE x\n")))
    assert [(problem.code, problem.message) for problem in disk.problems] == [
        ("vmdk-descriptor-invalid", f"the descriptor can be read in two ways: {fault}")]
    assert not disk.readable


def test_a_pair_that_is_given_twice_alike_is_fine():
    assert codes(sparse(WHOLE + 'createType="monolithicSparse"\nencoding="UTF-8"\nencoding="x"\n')) == []


def test_what_follows_a_zero_byte_is_no_descriptor():
    assert codes(sparse(WHOLE + '\0parentFileNameHint="x"\nRW 1 FLAT "/etc/passwd" 0\n')) == []


@pytest.mark.parametrize("words", ["monolithicFlat", "vmfs", "2GbMaxExtentFlat", "monolithicSparse"])
def test_a_bare_descriptor_always_has_its_data_elsewhere(words):
    disk = opened(f'# Disk DescriptorFile\nversion=1\ncreateType="{words}"\nRW 2048 FLAT "x-flat.vmdk" 0\n'.encode())
    assert [problem.code for problem in disk.problems] == ["external-extent"]
    assert (disk.virtual_size, disk.readable) == (1 << 20, False)
    assert disk.problems[0].message == (
        f"the file is a descriptor that puts the disk into other files ('x-flat.vmdk'; createType '{words}');"
        " a monolithicSparse or streamOptimized VMDK has one extent, itself")


def test_of_many_names_some_are_shown():
    lines = [f'RW 8 SPARSE "d-s{number:03}.vmdk"' for number in range(1, 7)]
    disk = opened(text(*lines, create_type="twoGbMaxExtentSparse").encode())
    message = disk.problems[0].message
    assert "('d-s001.vmdk', 'd-s002.vmdk', 'd-s003.vmdk', 'd-s004.vmdk' and 2 more; createType" in message


@pytest.mark.parametrize(("length", "expected"), [
    (65536, ["external-extent"]), (65537, ["external-extent", "vmdk-descriptor-invalid"])])
def test_a_descriptor_over_64_kib_is_not_read_to_its_end(length, expected):
    data = text('RW 8 FLAT "x" 0').encode()
    assert codes(data + b"#" * (length - len(data))) == expected


def test_an_extent_after_an_empty_line_is_there_twice_for_qemu():
    disk = opened(text('\nRW 2048 FLAT "x-flat.vmdk" 0', create_type="monolithicFlat").encode())
    assert disk.problems[1].message == (
        "the descriptor can be read in two ways: line 9 is an extent after an empty line")


def test_control_characters_of_a_descriptor_stay_in_it():
    disk = opened(sparse(WHOLE.replace("disk.vmdk", "\x1b[2J/x").replace('"4"', '"\x1b]0;"').replace('="m', '="\x07m')))
    assert "\x1b" not in disk.problems[0].message
    assert disk.header["extents"][0]["file"] == r"\x1b[2J/x"
    assert disk.header["ddb"]["virtualHWVersion"] == r"\x1b]0;"
    assert disk.header["createType"] == r"\x07monolithicSparse"


def test_names_that_are_no_utf_8_are_escaped():
    disk = opened(sparse(WHOLE.replace("disk.vmdk", "\xff\xfe.vmdk")))
    assert (disk.problems, disk.header["extents"][0]["file"]) == ([], r"\udcff\udcfe.vmdk")


@pytest.mark.parametrize("sectors", ["0", "99999999999999999999", "-1", "x", "\u00b2", str(1 << 62)])
def test_a_descriptor_with_absurd_extents_has_no_size(sectors):
    assert opened(f'# Disk DescriptorFile\nRW {sectors} FLAT "x" 0\n'.encode()).virtual_size is None


@pytest.mark.parametrize(("data", "facts"), [
    (sparse("\0"), {"capacity": 56}), (patch(sparse(), descriptorOffset=0), {"descriptorOffset": 0}),
    (patch(sparse(), descriptorSize=0), {"descriptorSize": 0}),
    (patch(sparse(), descriptorOffset=1 << 40), {"descriptorOffset": 1 << 40}),
    (b"COWD" + bytes([1, 0, 0, 0, 3, 0, 0, 0, 0, 8]).ljust(100, b"\0"),
     {"extentType": "COWD", "version": 1, "flags": 3, "numSectors": 2048}),
    (b"\xbe\xba\xfe\xca\0\0\0\0" + bytes([1, 0, 0, 0, 2, 0, 0, 0, 0, 0x80]).ljust(100, b"\0"),
     {"extentType": "SESPARSE", "version": 0x200000001, "capacity": 0x8000})])
def test_an_extent_without_descriptor_is_a_piece(data, facts):
    disk = opened(data)
    assert [problem.code for problem in disk.problems] == ["extent-alone"]
    assert (disk.virtual_size, disk.readable, disk.header | facts) == (None, False, disk.header)


@pytest.mark.parametrize(("data", "end"), [
    (plain().image(), 79), (b"COWD" + bytes(60), 44), (b"\xbe\xba\xfe\xca" + bytes(60), 48)])
def test_a_header_is_needed_to_its_last_byte(data, end):
    assert opened(data[:end]).problems
    for cut in (8, end // 2, end - 1):
        with pytest.raises(BrokenImage) as refusal:
            opened(data[:cut])
        assert refusal.value.problem.code == "truncated"


def test_descriptors_made_to_keep_a_pattern_busy_are_read_at_once():
    for line in ("=" + " " * 60000 + "x", "a=" + "\t" * 60000 + "x", "RW" + " " * 60000, "#\n" * 30000, " " * 60000,
                 "RW 1 FLAT\n" * 6000, '"' * 60000, 'RW 1 FLAT "' + " " * 60000, "RW 1 FLAT" + '"x" 1 ' * 9000,
                 "RW 1 " + "F" * 60000, "a\r" * 30000, 'RW 8 FLAT "x" 0\n' * 4000):
        clock = Clock()
        opened(b"# Disk DescriptorFile\n" + line.encode())
        opened(plain(descriptor=line[: 20 * 512]).image())
        find("vmdk").matches(Probe(len(line), line.encode(), b""))
        assert clock.seconds() < ENDLESS


def test_every_way_to_begin_is_recognised():
    matches = find("vmdk").matches
    for head in (b"KDMV", b"COWD", b"\xbe\xba\xfe\xca\0\0\0\0", b"# Disk DescriptorFile\n", b"#x\n\n  \nversion=1\n",
                 b"version=3\r\n"):
        assert matches(Probe(len(head), head, head))
    for head in (b"", b"KDM", b"\xbe\xba\xfe\xca\0\0\0\1", b"version=4\n", b"x version=1\n", b"# only a comment\n"):
        assert not matches(Probe(len(head), head, head))


def test_only_the_needed_parts_of_a_disk_are_read():
    builder = Builder([bytes([number]) * 65536 for number in range(200)], grain_sectors=128, entries=512)
    image = builder.image()
    reads: list[int] = []

    class Counting(Memory):
        def read_at(self, offset: int, length: int) -> bytes:
            reads.append(length)
            return super().read_at(offset, length)

    disk = open_vmdk(Counting(image))
    assert len(reads) < 12
    reads.clear()
    assert disk.read_at(1000, 10_000_000) == builder.content[1000 : 10_001_000]
    assert max(reads) == 10_000_000
    assert len(reads) == 3
    reads.clear()
    disk.read_at(500, 10)
    assert reads == [10]


@pytest.mark.parametrize(("offset", "length"), [(56 * 512, 1), (0, 56 * 512 + 1), (-1, 1)])
def test_reading_past_the_disk_is_refused(offset, length):
    with pytest.raises(BrokenImage) as refusal:
        opened(plain().image()).read_at(offset, length)
    assert refusal.value.problem.code == "truncated"


def test_a_capacity_of_0_is_no_disk():
    disk = opened(patch(plain().image(), capacity=0))
    assert (disk.virtual_size, disk.readable) == (None, False)
    assert [problem.code for problem in disk.problems] == ["header-invalid", "vmdk-sizes-differ"]


def test_a_footer_has_the_last_word_on_the_capacity():
    image = plain(compressed=True, footer=True).image()
    disk = opened(patch(image, len(image) - 1024, capacity=48))
    assert disk.virtual_size == 48 * 512
    assert [problem.code for problem in disk.problems] == ["vmdk-footer-differs", "vmdk-sizes-differ"]
    assert disk.problems[0].message == "capacity is 56 in the header and 48 in the footer; the footer is believed"
    assert disk.problems[0].offset == len(image) - 1024 + 12


@pytest.mark.parametrize("change", [
    lambda image: image[:-512], lambda image: image + bytes(512), lambda image: image[:-1024] + bytes(1024),
    lambda image: patch(image, len(image) - 1024, magicNumber=b"KDMX"), lambda image: image[: 21 * 512],
    lambda image: image[:-1] + b"x", lambda image: image[:-1536] + b"\1" * 16 + image[-1520:],
    lambda image: image[:100]])
def test_a_file_without_the_footer_that_it_announces_is_cut(change):
    image = plain(compressed=True, footer=True).image()
    cut = change(image)
    if cut[-1:] == b"x":
        assert codes(cut) == []  # what fills the sector of a marker is free
        return
    disk = opened(cut)
    found = [problem.code for problem in disk.problems]
    assert found == (["truncated"] if len(cut) > 512 else ["extent-alone"])
    assert not disk.readable


def test_the_content_is_read_where_every_variant_has_it():
    for builder in (plain(), plain("ab.cdefgh0i", redundant=False), plain(compressed=True), plain("...a", entries=512),
                    plain("abcdefghij", capacity=75), plain("abc", compressed=True, footer=True, capacity=17),
                    Builder([b"\7" * 512 * 3, None, b"\5" * 512 * 3], grain_sectors=3)):
        assert whole(builder.image()) == builder.content


def test_the_directory_at_the_end_needs_its_value():
    assert codes(patch(plain().image(), gdOffset=AT_END)) == ["truncated"]
