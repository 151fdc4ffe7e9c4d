"""grub.cfg of GRUB 2 and its environment block: their text in, the menu out.

The file is a script. This reader runs the part of it that decides on the menu: assignments, ``if`` on what is known
(of what is not known, such as the platform, both ways are taken), entries and submenus. The command ``blscfg`` puts
the entries of the Boot Loader Specification there.

GNU GRUB Manual 2.12, "Writing your own configuration file" and "The GRUB environment block",
https://www.gnu.org/software/grub/manual/grub/grub.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from imgbuild.guests.bootentries import LONGEST, MOST_ENTRIES, MOST_INITRDS, Entry, Menu
from imgbuild.guests.grubwords import UNKNOWN, statements, truth

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_LINUX = frozenset({"linux", "linux16", "linuxefi"})
_INITRD = frozenset({"initrd", "initrd16", "initrdefi"})
_MODULE = frozenset({"module", "module2"})
_BLOCKS = frozenset({"menuentry", "submenu", "function"})
_ASSIGNMENT = re.compile(r"(\w+)=(.*)", re.DOTALL)
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_DEVICE = re.compile(r"^\(+[^)]*\)+")
_DEEPEST = 8
_ENVIRONMENT_LINE = r"(?:\\.|[^\\\n])+"  # a backslash takes the next character as it is, a line end too
# What every GRUB of distributions has switched on; the menus ask for it.
_FEATURES = {"feature_menuentry_id": "y", "feature_default_font_path": "y", "feature_200_final": "y",
             "feature_platform_search_hint": "y", "feature_timeout_style": "y", "feature_all_video_module": "y",
             "menuentry_id_option": "--id"}
_WITH_VALUE = frozenset({"--class", "--users", "--hotkey", "--id", "--source", "-c", "-u"})


def parse_environment(text: str) -> dict[str, str]:
    """Return the variables of ``grubenv``."""
    pairs = (line.partition("=") for line in re.findall(_ENVIRONMENT_LINE, text, re.DOTALL))
    return {name: re.sub(r"\\(.)", r"\1", value, flags=re.DOTALL) for name, found, value in pairs
            if found and name[0:1] != "#"}


def expand(text: str, variables: Mapping[str, str]) -> str:
    """Return ``text`` with its variables; one that is not set is nothing."""
    return _VARIABLE.sub(lambda match: variables.get(match[1] or match[2], ""), text[:LONGEST])[:LONGEST]


def parse(text: str, environment: Mapping[str, str] | None = None, bls: Sequence[Entry] = (),
          source: str = "") -> Menu | None:
    """Return the menu of a grub.cfg, or ``None`` where it starts no kernel by itself (it hands on to another file)."""
    script = _Script({**_FEATURES, **(environment or {})}, bls, source)
    for number, line in enumerate(text.replace("\\\n", " ").split("\n"), start=1):
        for words in statements(line, script.variables):
            script.run(words, number)
    entries = tuple(script.entry(node) for node in _flat(script.top) if not node.is_menu)
    if not any(entry.linux for entry in entries):
        return None
    chosen = _choose(script.top, script.variables.get("default", "0"))
    return Menu(entries, script.entry(chosen) if chosen is not None else None)


class _Node(msgspec.Struct, eq=False):
    """An entry or a submenu while it is read."""

    title: str = ""
    id: str = ""
    line: int = 0
    linux: str | None = None
    options: str | None = None
    initrds: tuple[str, ...] = ()
    devicetree: str | None = None
    is_menu: bool = False
    is_xen: bool = False
    children: list[_Node] = []
    ready: Entry | None = None


class _Script:
    """The state of the script: variables, open blocks and conditions, the nodes so far."""

    def __init__(self, variables: dict[str, str], bls: Sequence[Entry], source: str) -> None:
        self.variables = variables
        self.top: list[_Node] = []
        self._bls = bls
        self._source = source
        self._count = 0
        self._open: list[_Node | None] = []  # None: a block that is passed over
        self._conditions: list[tuple[bool, bool]] = []  # is this branch taken, was one taken for certain

    def entry(self, node: _Node) -> Entry:
        return node.ready or Entry(node.title, node.id, node.linux, node.initrds, node.options, node.devicetree,
                                   self._source, node.line)

    def run(self, words: list[str], line: int) -> None:
        """Run one statement."""
        head = words[0]
        if head in {"then", "else", "elif", "if", "fi"}:
            self._branch(head, words[1:], line)
        elif head == "}":
            del self._open[-1:]
        elif words[-1] == "{":
            self._open.append(self._block(words[:-1], line) if self._active and head in _BLOCKS else None)
        elif self._active:
            self._command(head, words[1:], line)

    @property
    def _active(self) -> bool:
        return None not in self._open and all(taken for taken, _ in self._conditions)

    def _branch(self, head: str, rest: list[str], line: int) -> None:
        if head == "fi":
            del self._conditions[-1:]
            return
        if head == "if":
            known = truth(rest)
            self._conditions.append((known is not False, known is True))
            return
        if head in {"else", "elif"} and self._conditions:
            done = self._conditions[-1][1]
            known = truth(rest) if head == "elif" else True
            self._conditions[-1] = (not done and known is not False, done or known is True)
        if rest and head != "elif":
            self.run(rest, line)

    def _block(self, words: list[str], line: int) -> _Node | None:
        if words[0] == "function" or self._count >= MOST_ENTRIES or len(self._open) >= _DEEPEST:
            return None
        title, word_id = _title_and_id(words[1:])
        return self._add(_Node(title=title, id=word_id, line=line, is_menu=words[0] == "submenu"))

    def _add(self, node: _Node) -> _Node:
        self._count += 1
        menus = [known for known in self._open if known is not None and known.is_menu]
        (menus[-1].children if menus else self.top).append(node)
        return node

    def _command(self, head: str, rest: list[str], line: int) -> None:
        assignment = _ASSIGNMENT.fullmatch(rest[0] if head in {"set", "export"} and rest else head)
        if assignment and assignment[2] and UNKNOWN not in assignment[2]:
            self.variables[assignment[1]] = assignment[2][:4096]
        elif head == "blscfg":
            for entry in self._bls[: MOST_ENTRIES - self._count]:
                options = expand(entry.options, self.variables).strip() if entry.options is not None else None
                initrds = tuple(expanded for path in entry.initrds if (expanded := expand(path, self.variables)))
                ready = msgspec.structs.replace(entry, options=options, initrds=initrds)
                self._add(_Node(entry.title, entry.id, ready=ready))
        elif rest and head in _LINUX | _INITRD | _MODULE | {"devicetree", "multiboot", "multiboot2"}:
            self._load(head, rest, line)

    def _load(self, head: str, rest: list[str], line: int) -> None:
        node = self._open[-1] if self._open else self._implicit(line)
        if node is None or node.is_menu:
            return
        path, options = _DEVICE.sub("", rest[0]), " ".join(rest[1:]).replace(UNKNOWN, "")[:LONGEST]
        if head.startswith("multiboot"):
            node.is_xen = "xen" in path
        elif head in _LINUX or (head in _MODULE and node.is_xen and node.linux is None):
            node.linux, node.options, node.line = path, options, line
        elif head in _INITRD or (head in _MODULE and node.is_xen):
            node.initrds = tuple(_DEVICE.sub("", word) for word in rest if word != "--nounzip")[:MOST_INITRDS]
        elif head == "devicetree":
            node.devicetree = path

    def _implicit(self, line: int) -> _Node:
        """A script without a menu loads its kernel at the top."""
        if not self.top or self.top[-1].title:
            self._add(_Node(line=line))
        return self.top[-1]


def _title_and_id(words: Sequence[str]) -> tuple[str, str]:
    """Take the arguments of ``menuentry`` apart: the first one that is no option is the title."""
    title, word_id = "", ""
    left = iter(words)
    for word in left:
        value = next(left, "") if word in _WITH_VALUE else ""
        name, _, attached = word.partition("=")
        word_id = (value or attached) if name == "--id" else word_id
        title = title or ("" if word.startswith("-") else word)
    return title, word_id


def _flat(nodes: Sequence[_Node]) -> Iterator[_Node]:
    for node in nodes:
        yield node
        yield from _flat(node.children)


def _choose(nodes: Sequence[_Node], default: str) -> _Node | None:
    """Return the node that a default names, ``1>2`` or ``Title>Title``; the first where it names none."""
    name, _, rest = default.partition(">")
    known = [node for node in nodes if name and name in {node.title, node.id}]
    if not known and name.isdecimal() and len(name) < len(str(MOST_ENTRIES)) + 1:
        known = list(nodes[int(name) : int(name) + 1])
    node = next(iter([*known, *nodes]), None)
    if node is not None and node.is_menu:
        return _choose(node.children, rest) if rest else None
    return node
