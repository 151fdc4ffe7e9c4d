"""What imgbuild never does: run a shell, start programs elsewhere than in one folder, evaluate data, map files."""

from __future__ import annotations

import ast
from pathlib import Path

import imgbuild

HOME = Path(imgbuild.__file__).parent
STARTERS = {"system", "popen", "fork", "forkpty", "posix_spawn", "posix_spawnp", "startfile",
            *(f"{kind}{how}" for kind in ("exec", "spawn") for how in ("l", "le", "lp", "lpe", "v", "ve", "vp", "vpe"))}
MODULES = {"subprocess", "pty", "commands", "popen2", "multiprocessing", "asyncio"}
MODULES_OF = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(HOME.rglob("*.py"))}


def where(path: Path) -> str:
    return path.relative_to(HOME).as_posix()


def imported(tree: ast.Module) -> set[str]:
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    return names | {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}


def test_programs_are_started_in_one_folder_only():
    found = {where(path) for path, tree in MODULES_OF.items()
             if {name.partition(".")[0] for name in imported(tree)} & MODULES}
    assert found == {"qemu/process.py", "qemu/server.py"}


def test_nothing_is_started_through_os_but_the_child():
    found = {(where(path), node.attr) for path, tree in MODULES_OF.items() for node in ast.walk(tree)
             if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "os"
             and node.attr in STARTERS}
    assert found == {("forking.py", "fork")}


def test_no_call_asks_for_a_shell():
    calls = [node for tree in MODULES_OF.values() for node in ast.walk(tree) if isinstance(node, ast.Call)]
    assert [call.lineno for call in calls for word in call.keywords if word.arg == "shell"] == []
    popens = [call for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr == "Popen"]
    assert len(popens) == 1


def test_nothing_is_evaluated_or_unpickled():
    calls = {node.func.id for tree in MODULES_OF.values() for node in ast.walk(tree)
             if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert not calls & {"eval", "exec", "compile", "__import__"}
    modules = {name for tree in MODULES_OF.values() for name in imported(tree)}
    assert not modules & {"pickle", "marshal", "shelve", "yaml"}


def test_no_file_is_mapped_into_memory():
    """A mapped file that shrinks ends its reader by SIGBUS; one that is read gives fewer bytes, which is a finding."""
    calls = [node for tree in MODULES_OF.values() for node in ast.walk(tree)
             if isinstance(node, ast.Call) and "mmap" in ast.unparse(node.func)]
    assert {ast.unparse(call.args[0]) for call in calls} == {"-1"}  # memory of no file
