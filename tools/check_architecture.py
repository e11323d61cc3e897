#!/usr/bin/python3
"""Holds the source tree to the arrows between its rooms.

The single source of the arrows are the add_room() calls of src/CMakeLists.txt. Every `#include` in src/ is compared with
them, and what the build could silently leave out (a folder without a room, a test in no target) is reported too.

  check_architecture.py SOURCE_ROOT [--compile-commands build/dev/compile_commands.json]

Prints one line for each violation; exit status 1 when there is any.
"""

import argparse
import dataclasses
import json
import pathlib
import re
import sys

# The picture in ARCHITECTURE.md, highest row first. Arrows go down; rooms of one row never see each other.
ROWS = [
    {"app"},
    {"cli", "server"},
    {"jobs"},
    {"backup", "restore", "upkeep", "replicate", "mount"},
    {"wal", "catalog"},
    {"repo", "pg", "mysql", "docker"},
    {"storage", "codec", "config"},
    {"http"},
    {"base"},
]
# What databases, containers and settings are must be readable without knowing a repository.
REST_ON_BASE_ALONE = {"pg", "mysql", "docker", "config"}
# The pipelines take options, not settings: only these translate the one into the other.
KNOW_CONFIG = {"jobs", "cli", "server", "app"}

# Folders of a room that hold data, not code.
DATA_FOLDERS = {"corpus", "testdata"}

KEYWORDS = ("DEPENDS", "LIBRARIES", "TEST_DEPENDS", "THREADED")
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)
PRAGMA_ONCE = re.compile(r"^#pragma once$", re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class Room:
    name: str
    depends: tuple
    test_depends: tuple


def parse_rooms(cmake_text):
    """The add_room() calls, in their order."""
    code = re.sub(r"#[^\n]*", "", cmake_text)
    rooms = []
    for call in re.finditer(r"\badd_room\s*\(([^)]*)\)", code):
        name, *words = call.group(1).split()
        values = {keyword: [] for keyword in KEYWORDS}
        keyword = None
        for word in words:
            if word in values:
                keyword = word
            elif keyword:
                values[keyword].append(word)
        rooms.append(Room(name, tuple(values["DEPENDS"]), tuple(values["TEST_DEPENDS"])))
    return rooms


def height(room):
    """The row's number counted from the ground, or None for a room outside the picture."""
    for number, row in enumerate(reversed(ROWS)):
        if room in row:
            return number
    return None


def reach(rooms, start):
    """Every room that `start` depends on, directly or not; terminates on cycles too."""
    depends = {room.name: room.depends for room in rooms}
    found, todo = set(), list(depends.get(start, ()))
    while todo:
        room = todo.pop()
        if room not in found:
            found.add(room)
            todo.extend(depends.get(room, ()))
    return found


def check_arrows(rooms):
    declared = []
    for room in rooms:
        if room.name in declared:
            yield f"room {room.name} is declared twice"
        if height(room.name) is None:
            yield f"room {room.name} is not in the picture of the rooms (ROWS in tools/check_architecture.py)"
        if room.name in reach(rooms, room.name):
            yield f"room {room.name} depends on itself through {', '.join(room.depends)}"
        for other in room.depends:
            yield from check_arrow(room.name, other, declared)
        for other in room.test_depends:
            if other not in {r.name for r in rooms}:
                yield f"room {room.name} has TEST_DEPENDS {other}, which is no room"
            elif (height(other) or 0) > (height(room.name) or 0):
                yield f"the tests of room {room.name} depend on {other}, which lies above it"
        declared.append(room.name)


def check_arrow(room, other, declared):
    if other not in declared:
        yield f"room {room} depends on {other}, which is not declared before it"
    low, high = height(other), height(room)
    if low is not None and high is not None and low >= high:
        yield f"room {room} depends on {other}, which does not lie below it"
    if room in REST_ON_BASE_ALONE and other != "base":
        yield f"room {room} rests on base alone, but depends on {other}"
    if other == "config" and room not in KNOW_CONFIG:
        yield f"room {room} depends on config, which only {', '.join(sorted(KNOW_CONFIG))} may know"


def is_test_code(parts):
    """Whether a file (its path below src/) is a test or a fixture for tests."""
    return parts[-1].endswith(("_test.cc", "_fuzzer.cc")) or "testing" in parts[1:-1]


def check_include(rooms, path, delimiter, target):
    """One #include of src/<path> against the arrows."""
    names = {room.name for room in rooms}
    own, *_ = path.parts
    head, *rest = pathlib.PurePosixPath(target).parts
    if delimiter == "<":
        if head in names and rest and target.endswith(".h"):
            yield f'{path}: <{target}> is ours, write "{target}"'
        return
    if head not in names or not rest:
        yield f'{path}: "{target}" does not start with a room: write the path from src/'
        return
    from_test = is_test_code(path.parts)
    if "testing" in rest[:-1] and not from_test:
        yield f'{path}: "{target}" is for tests, but this file is none'
    if head == own:
        return
    allowed = reach(rooms, own)
    if from_test:
        for room in rooms:
            if room.name == own:
                for other in room.test_depends:
                    allowed |= {other} | reach(rooms, other)
    if head not in allowed:
        yield f'{path}: "{target}" crosses an arrow that does not exist: room {own} does not depend on {head}'


def check_header(path, text):
    if not PRAGMA_ONCE.search(text):
        yield f"{path}: the header has no #pragma once"


def check_own_header_first(path, text, has_header):
    """`foo.cc` includes `foo.h` first: compiling it proves that the header compiles alone.

    The build compiles only the headers without a source file alone (see cmake/AddRoom.cmake).
    """
    if not has_header:
        return
    own = path.with_suffix(".h").as_posix()
    first = INCLUDE.search(text)
    if first is None or first.group(2) != own:
        yield f'{path}: the first #include must be its own header, "{own}"'


def in_a_target(parts):
    """Whether add_room()'s globs see a .cc file."""
    if len(parts) == 2:
        return True
    return len(parts) == 3 and parts[1] == "testing" and not parts[2].endswith("_test.cc")


def check_files(root, rooms):
    src = root / "src"
    names = {room.name for room in rooms}
    for folder in sorted(p for p in src.iterdir() if p.is_dir()):
        if folder.name not in names:
            yield f"src/{folder.name} has no add_room() in src/CMakeLists.txt"
    for name in sorted(names):
        if not (src / name).is_dir():
            yield f"room {name} has no folder in src/"
            continue
        for file in sorted((src / name).rglob("*")):
            path = file.relative_to(src)
            if file.is_file() and file.suffix in (".h", ".cc") and not DATA_FOLDERS & set(path.parts):
                yield from check_file(rooms, file, path)


def check_file(rooms, file, path):
    text = file.read_text(encoding="utf-8")
    for delimiter, target in INCLUDE.findall(text):
        yield from check_include(rooms, path, delimiter, target)
    if path.suffix == ".h":
        yield from check_header(path, text)
        return
    if not in_a_target(path.parts):
        yield f"{path}: is in no target"
    yield from check_own_header_first(path, text, file.with_suffix(".h").exists())


def check_compiled(root, commands):
    """Every source file, every test above all, must be known to the build."""
    compiled = {(pathlib.Path(c["directory"]) / c["file"]).resolve() for c in commands}
    for file in sorted((root / "src").rglob("*.cc")):
        if file.resolve() not in compiled:
            yield f"{file.relative_to(root / 'src')}: is compiled into no target"


def check(root, commands=None):
    """All violations of the tree at `root`, one sentence each."""
    rooms = parse_rooms((root / "src" / "CMakeLists.txt").read_text(encoding="utf-8"))
    if not rooms:
        yield "src/CMakeLists.txt declares no room"
    yield from check_arrows(rooms)
    yield from check_files(root, rooms)
    if commands is not None:
        yield from check_compiled(root, commands)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", type=pathlib.Path)
    parser.add_argument("--compile-commands", type=pathlib.Path)
    options = parser.parse_args()
    commands = json.loads(options.compile_commands.read_text()) if options.compile_commands else None
    violations = list(check(options.root, commands))
    for violation in violations:
        print(violation)
    print(f"{len(violations)} violations" if violations else "every arrow points down")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
