from __future__ import annotations

import random
import struct
import subprocess
from typing import TYPE_CHECKING

import pyregf
import pytest
from hypothesis import given
from hypothesis import strategies as st
from images.hives import BINARY, DWORD, EXPAND, MULTI, QWORD, SZ, hive
from pace import ENDLESS, Clock
from tools import needs

from imgbuild.guests.windows.hives import MAX_HIVE, Hive
from imgbuild.guests.windows.regf import MAX_CELLS
from imgbuild.readers import BrokenImage, Memory

if TYPE_CHECKING:
    from pathlib import Path

KEYS = {
    "A\\B\\C": {"text": "word", "number": 5, "bytes": b"1234567", "": "default", "list": ["a", "b"], "empty": "",
                "expanded": (EXPAND, "%x%\0".encode("utf-16-le")), "long": (QWORD, struct.pack("<Q", 1 << 40)),
                "big-endian": (5, b"\0\0\1\0"), "large": b"z" * 40_000, "pieces": "p" * 20_000},
    "Select": {"Current": 1},
    "\u00dcn\u00ef\\\u65e5\u672c": {"\u00df\u65e5": "x"},
    **{f"Many\\Key{number:04d}": {"i": number} for number in range(1200)},
    **{f"Some\\Key{number:02d}": {"i": number} for number in range(60)},
}
DATA = hive(KEYS)


def opened(data: bytes = DATA) -> Hive:
    return Hive(Memory(data), "SYSTEM")


@pytest.mark.parametrize("kind", [b"lh", b"lf", b"li"])
@pytest.mark.parametrize(("path", "number"), [
    ("Many\\Key0000", 0), ("MANY\\key0700", 700), ("\\many\\\\KEY1199\\", 1199), ("some\\Key59", 59),
])
def test_keys_are_found_in_any_case_and_list(kind: bytes, path: str, number: int) -> None:
    key = opened(hive(KEYS, kind=kind)).key(path)
    assert key is not None
    assert key.number("I") == number


@pytest.mark.parametrize("path", ["Many\\Key1200", "Many\\", "A\\X\\C", "a\\b\\c\\d", "Some\\Key60", "Nope"])
def test_keys_that_are_not_there(path: str) -> None:
    found = opened().key(path)
    assert found is None or path == "Many\\"


def test_hashes_are_no_more_than_a_hint() -> None:
    data = bytearray(DATA)
    place = 0
    while (place := data.find(b"lh\xf4\x01", place + 1)) > 0:
        for entry in range(place + 4, place + 4 + 500 * 8, 8):
            data[entry + 4 : entry + 8] = b"\xff" * 4
    found = opened(bytes(data)).key("Many\\Key0321")
    assert found is not None
    assert found.number("i") == 321


@pytest.mark.parametrize(("name", "text", "number", "texts"), [
    ("TEXT", "word", None, ("word",)), ("number", None, 5, None), ("bytes", None, None, None),
    ("", "default", None, ("default",)), ("list", None, None, ("a", "b")), ("empty", "", None, ()),
    ("expanded", "%x%", None, ("%x%",)), ("long", None, 1 << 40, None), ("big-endian", None, 256, None),
    ("nope", None, None, None),
])
def test_values_are_what_their_type_says(name: str, text: str | None, number: int | None,
                                         texts: tuple[str, ...] | None) -> None:
    key = opened().key("A\\B\\C")
    assert key is not None
    assert (key.text(name), key.number(name), key.texts(name)) == (text, number, texts)


@pytest.mark.parametrize(("value", "text", "number"), [
    ((SZ, b"odd"), "\u646f", None), ((SZ, "no end".encode("utf-16-le")), "no end", None), ((SZ, b""), "", None),
    ((SZ, "a\0b\0".encode("utf-16-le")), "a", None), ((SZ, b"\x00\xd8"), "\ufffd", None),
    ((DWORD, b"\1"), None, None), ((DWORD, b"12345"), None, None), ((QWORD, b"\1\0\0\0"), None, None),
    ((BINARY, b"\1\0\0\0"), None, None), ((99, b"\1\0\0\0"), None, None), ((MULTI, b"\0"), None, None),
])
def test_values_of_odd_sizes(value: tuple[int, bytes], text: str | None, number: int | None) -> None:
    key = opened(hive({"K": {"v": value}})).key("K")
    assert key is not None
    assert (key.text("v"), key.number("v")) == (text, number)


def test_text_is_safe_to_show() -> None:
    key = opened(hive({"K\x1b[31m": {"v": "a\x1b[31m\nb"}})).key("K\x1b[31m")
    assert key is not None
    shown = f"{key.text('v')}{key.name}{key.path}"
    assert "\x1b" not in shown
    assert "\n" not in shown


def test_subkeys_and_names() -> None:
    key = opened().key("Some")
    assert key is not None
    below = list(key.keys())
    assert [found.name for found in below] == [f"Key{number:02d}" for number in range(60)]
    assert below[7].path == "SYSTEM\\Some\\Key07"
    assert opened().root.path == "SYSTEM"
    values = opened().key("A\\B\\C")
    assert values is not None
    assert values.names() == list(KEYS["A\\B\\C"])
    assert values.data("large") == b"z" * 40_000
    assert values.data("pieces") == ("p" * 20_000 + "\0").encode("utf-16-le")


@pytest.mark.parametrize("dirty", [True, False])
def test_a_hive_with_changes_in_its_logs_is_dirty(dirty: bool) -> None:
    assert opened(hive({"K": {}}, dirty=dirty)).dirty is dirty


def test_libregf_reads_the_same(tmp_path: Path) -> None:
    path = tmp_path / "hive"
    path.write_bytes(DATA)
    other = pyregf.file()
    other.open(str(path))
    assert not other.is_corrupted()
    for place, values in KEYS.items():
        key, ours = other.get_key_by_path(place), opened().key(place)
        assert ours is not None
        assert {value.name or "" for value in key.values} == set(ours.names()) == set(values)
        for value in key.values:
            assert value.data == ours.data(value.name or ""), (place, value.name)


@needs("hivexsh")
def test_hivex_reads_the_same(tmp_path: Path) -> None:
    path = tmp_path / "hive"
    path.write_bytes(DATA)
    words = "cd \\A\\B\\C\nlsval text\nlsval number\ncd \\Many\\Key0700\nlsval i\ncd \\\nls\n"
    done = subprocess.run(["hivexsh", path], input=words, capture_output=True, text=True, check=True)
    assert done.stdout.split("\n") == ["word", "5", "700", "A", "Many", "Select", "Some",
                                       "\u00dcn\u00ef", ""]


@needs("hivexregedit")
def test_a_hive_that_hivex_wrote(tmp_path: Path) -> None:
    path = tmp_path / "hive"
    path.write_bytes(hive({}))
    keys = {"": "", "\\Microsoft": "", "\\Microsoft\\Windows NT": "", "\\Services": "",
            "\\Microsoft\\Windows NT\\CurrentVersion": '"ProductName"="Windows 7 Professional"\n"N"=dword:00000007\n',
            **{f"\\Services\\svc{number}": f'"Start"=dword:{number:08x}\n' for number in range(200)}}
    registry = "Windows Registry Editor Version 5.00\n\n" + "".join(f"[{key}]\n{values}\n"
                                                                    for key, values in keys.items() if key)
    subprocess.run(["hivexregedit", "--merge", path, "--prefix", "", "/dev/stdin"], input=registry, text=True,
                   check=True)
    found = opened(path.read_bytes())
    current, service = found.key("MICROSOFT\\windows nt\\CurrentVersion"), found.key("services\\SVC123")
    assert current is not None
    assert service is not None
    assert (current.text("ProductName"), current.number("n"), service.number("start")) == (
        "Windows 7 Professional", 7, 123)


@pytest.mark.parametrize(("offset", "new"), [
    (0, b"xxxx"), (20, b"\2\0\0\0"), (36, b"\xff\xff\xff\xff"), (36, b"\0\0\0\0"), (36, b"\xf0\xff\xff\x7f"),
    (40, b"\xff\xff\xff\x7f"), (4096 + 36, b"xx"), (4096 + 32, b"\x10\0\0\0"),
])
def test_hives_that_make_no_sense(offset: int, new: bytes) -> None:
    data = DATA[:offset] + new + DATA[offset + len(new) :]
    with pytest.raises(BrokenImage) as raised:
        opened(data).key("A")
    assert raised.value.problem.code == "hive-damaged"
    assert raised.value.problem.message.startswith("the registry hive SYSTEM ")


def test_a_hive_over_512_mib_is_not_looked_at() -> None:
    class Huge(Memory):
        size = MAX_HIVE + 1

    with pytest.raises(BrokenImage, match="not looked at"):
        Hive(Huge(b""), "SOFTWARE")


def test_a_cut_hive_is_damaged() -> None:
    for size in (0, 100, 4095, 4096, len(DATA) - 4096):
        with pytest.raises(BrokenImage) as raised:
            opened(DATA[:size])
        assert raised.value.problem.code == "hive-damaged"


def bombs() -> dict[str, bytes]:
    """Hives that lead a reader astray: lists of lists, cells that hold themselves, counts without end."""
    data = bytearray(hive({"K": {"v": b"x" * 100}, **{f"Many\\{number}": {} for number in range(2000)}}))
    root = 4096 + int.from_bytes(data[36:40], "little") + 4
    many = data.find(b"ri\x04\0")
    found = {}
    for name, (place, new) in {
        "the root is its own subkey": (root + 28, data[36:40]),
        "a list of lists holds itself": (many + 4, struct.pack("<I", many - 4 - 4096)),
        "many subkeys": (many + 2, b"\xff\xff"),
        "many values": (data.find(b"nk", root + 100) + 36, b"\xff\xff\xff\x7f"),
    }.items():
        changed = bytearray(data)
        changed[place : place + len(new)] = new
        found[name] = bytes(changed)
    value = data.find(b"vk")
    found["a value without end"] = bytes(data[: value + 4] + b"\xff\xff\xff\x7f" + data[value + 8 :])
    return found


@pytest.mark.parametrize("name", bombs())
def test_bombs_cost_nothing(name: str) -> None:
    clock = Clock()
    found = Hive(Memory(bombs()[name]), "SYSTEM")
    for path in ("K", "Many", "Many\\1999", "Many\\nope", "K\\K\\K\\K\\K\\K"):
        try:
            key = found.key(path)
            if key is not None:
                assert len(list(key.keys())) <= 65_536
                assert len(key.data("v") or b"") <= 1 << 16
        except BrokenImage as broken:
            assert broken.problem.code == "hive-damaged"  # noqa: PT017 - either outcome is right
    assert clock.seconds() < ENDLESS


def test_a_hive_that_leads_through_too_many_cells_ends() -> None:
    found = opened()

    def look() -> None:
        for _ in range(MAX_CELLS):
            list(found.key("Many").keys())  # type: ignore[union-attr]  # it is there

    with pytest.raises(BrokenImage, match=f"more than {MAX_CELLS} cells"):
        look()


@given(st.integers(0, 10**9))
def test_mutants(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - cases, no secret
    data = bytearray(SMALL)
    for _ in range(chance.randrange(1, 8)):
        place = chance.randrange(len(data))
        data[place] = chance.choice((0, 0xFF, 0x7F, 0x80, chance.randrange(256)))
    try:
        found = opened(bytes(data[: chance.randrange(len(data))] if chance.random() < 0.1 else data))
        for path in ("A\\B\\C", "Select", "Some\\Key07", "Many"):
            key = found.key(path)
            for name in key.names() if key is not None else ():
                key.text(name), key.number(name), key.texts(name)  # type: ignore[union-attr]  # as above
    except BrokenImage as broken:
        assert broken.problem.code == "hive-damaged"  # noqa: PT017 - as above


SMALL = hive({path: values for path, values in KEYS.items() if not path.startswith("Many")})
