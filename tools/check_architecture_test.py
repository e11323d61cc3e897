#!/usr/bin/python3
"""Each rule of check_architecture.py finds its violation in a small made-up tree, and nothing in a good one."""

import pathlib
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent))
import check_architecture  # noqa: E402

GOOD_ROOMS = """
# add_room(ghost) in a comment is no room
add_room(base LIBRARIES fmt::fmt)
add_room(storage
  DEPENDS base  # fakes need nothing
  LIBRARIES fmt::fmt)
add_room(pg DEPENDS base)
add_room(repo DEPENDS storage TEST_DEPENDS pg THREADED)
add_room(wal DEPENDS repo pg)
"""

GOOD_FILES = {
    "base/bytes.h": "// Bytes.\n#pragma once\n#include <span>\n",
    "base/bytes.cc": '#include "base/bytes.h"\n\n#include <string>\n',
    "base/testing/clock.h": "#pragma once\n",
    "storage/storage.h": '#pragma once\n#include "base/bytes.h"\n',
    "storage/storage_test.cc": '#include "storage/storage.h"\n#include <gtest/gtest.h>\n#include "base/testing/clock.h"\n',
    "storage/testing/fake.cc": '#include "storage/storage.h"\n#include "base/testing/clock.h"\n',
    "pg/page.h": "#pragma once\n",
    "repo/pack.h": '#pragma once\n#include "storage/storage.h"\n#include "base/bytes.h"\n',
    "repo/pack_test.cc": '#include "repo/pack.h"\n#include "pg/page.h"\n',
    "wal/segment.h": '#pragma once\n#include "pg/page.h"\n#include "base/bytes.h"\n',
    "wal/corpus/x/odd.cc": "not code at all",
}


def violations(rooms=GOOD_ROOMS, files=None, commands=None):
    """What the check says of the good tree after `files` (path -> text, None removes) changed it."""
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for path, text in {**GOOD_FILES, **(files or {})}.items():
            if text is not None:
                (root / "src" / path).parent.mkdir(parents=True, exist_ok=True)
                (root / "src" / path).write_text(text)
        (root / "src" / "CMakeLists.txt").write_text(rooms)
        if commands is not None:
            commands = [{"directory": folder, "file": f"src/{path}"} for path in commands]
        return list(check_architecture.check(root, commands))


class CheckArchitecture(unittest.TestCase):
    def assert_only(self, found, *words):
        self.assertEqual(len(found), 1, found)
        for word in words:
            self.assertIn(word, found[0])

    def test_a_good_tree_has_no_violations(self):
        self.assertEqual(violations(), [])

    def test_transitive_dependencies_are_found(self):
        rooms = check_architecture.parse_rooms(GOOD_ROOMS)
        self.assertEqual([room.name for room in rooms], ["base", "storage", "pg", "repo", "wal"])
        self.assertEqual(check_architecture.reach(rooms, "wal"), {"base", "storage", "pg", "repo"})

    def test_an_include_across_an_undeclared_arrow(self):
        found = violations(files={"repo/pack.h": '#pragma once\n#include "pg/page.h"\n'})
        self.assert_only(found, "repo/pack.h", "pg/page.h", "crosses an arrow")

    def test_an_include_upwards(self):
        found = violations(files={"base/bytes.h": '#pragma once\n#  include  "wal/segment.h"\n'})
        self.assert_only(found, "base/bytes.h", "crosses an arrow")

    def test_a_test_dependency_is_for_tests_only(self):
        found = violations(files={"repo/more.cc": '#include "pg/page.h"\n'})
        self.assert_only(found, "repo/more.cc", "crosses an arrow")

    def test_a_testing_header_in_ordinary_code(self):
        found = violations(files={"storage/open.cc": '#include "base/testing/clock.h"\n'})
        self.assert_only(found, "storage/open.cc", "is for tests")

    def test_an_own_testing_header_in_ordinary_code(self):
        found = violations(files={"base/clock.cc": '#include "base/testing/clock.h"\n'})
        self.assert_only(found, "base/clock.cc", "is for tests")

    def test_an_include_that_names_no_room(self):
        found = violations(files={"base/more.cc": '#include "bytes.h"\n'})
        self.assert_only(found, "base/more.cc", "does not start with a room")

    def test_an_include_of_ours_in_angle_brackets(self):
        found = violations(files={"base/more.cc": "#include <wal/segment.h>\n"})
        self.assert_only(found, "base/more.cc", "is ours")

    def test_an_arrow_that_goes_up(self):
        rooms = "add_room(base)\nadd_room(pg DEPENDS base)\nadd_room(repo DEPENDS base)\nadd_room(wal DEPENDS repo pg)\n"
        found = violations(rooms + "add_room(storage DEPENDS wal)\n", files={"repo/pack.h": None})
        self.assertTrue(any("storage depends on wal" in v and "not lie below" in v for v in found), found)

    def test_an_arrow_between_rooms_of_one_row(self):
        rooms = GOOD_ROOMS + "add_room(backup DEPENDS wal)\nadd_room(restore DEPENDS backup)\n"
        found = violations(rooms, files={"backup/a.h": "#pragma once\n", "restore/a.h": "#pragma once\n"})
        self.assert_only(found, "restore depends on backup", "not lie below")

    def test_a_cycle(self):
        rooms = GOOD_ROOMS.replace("add_room(base LIBRARIES fmt::fmt)", "add_room(base DEPENDS storage)")
        found = violations(rooms)
        self.assertTrue(any("base depends on itself" in v for v in found), found)
        self.assertTrue(any("storage depends on itself" in v for v in found), found)

    def test_a_dependency_that_is_no_room(self):
        found = violations(GOOD_ROOMS.replace("DEPENDS repo pg", "DEPENDS repo pg codec"))
        self.assert_only(found, "wal depends on codec", "not declared")

    def test_tests_that_depend_on_a_room_above(self):
        found = violations(GOOD_ROOMS.replace("TEST_DEPENDS pg", "TEST_DEPENDS pg wal"))
        self.assert_only(found, "tests of room repo", "wal")

    def test_a_test_dependency_that_is_no_room(self):
        found = violations(GOOD_ROOMS.replace("TEST_DEPENDS pg", "TEST_DEPENDS pg mysql"))
        self.assert_only(found, "mysql", "no room")

    def test_a_room_outside_the_picture(self):
        found = violations(GOOD_ROOMS + "add_room(util DEPENDS base)\n", files={"util/a.h": "#pragma once\n"})
        self.assert_only(found, "util", "not in the picture")

    def test_a_room_that_must_rest_on_base_alone(self):
        found = violations(GOOD_ROOMS.replace("add_room(pg DEPENDS base)", "add_room(pg DEPENDS base storage)"))
        self.assert_only(found, "pg rests on base alone")

    def test_a_pipeline_that_reads_settings(self):
        rooms = GOOD_ROOMS.replace("add_room(wal DEPENDS", "add_room(config DEPENDS base)\nadd_room(wal DEPENDS config")
        found = violations(rooms, files={"config/a.h": "#pragma once\n"})
        self.assert_only(found, "wal depends on config")

    def test_a_room_declared_twice(self):
        found = violations(GOOD_ROOMS + "add_room(pg DEPENDS base)\n")
        self.assert_only(found, "pg is declared twice")

    def test_a_folder_without_a_room(self):
        self.assert_only(violations(files={"codec/hash.h": "#pragma once\n"}), "src/codec", "no add_room()")

    def test_a_room_without_a_folder(self):
        self.assert_only(violations(GOOD_ROOMS + "add_room(codec DEPENDS base)\n"), "codec", "no folder")

    def test_a_header_without_pragma_once(self):
        found = violations(files={"pg/page.h": "// #pragma once\n"})
        self.assert_only(found, "pg/page.h", "#pragma once")

    def test_a_source_that_does_not_begin_with_its_own_header(self):
        found = violations(files={"base/bytes.cc": '#include <string>\n\n#include "base/bytes.h"\n'})
        self.assert_only(found, "base/bytes.cc", "own header")

    def test_a_test_in_a_folder_that_no_target_sees(self):
        found = violations(files={"repo/format/pack_test.cc": "", "repo/testing/fake_test.cc": ""})
        self.assertEqual(len(found), 2, found)
        self.assertTrue(all("in no target" in v for v in found), found)

    def test_a_source_that_the_build_does_not_compile(self):
        everything = [path for path in GOOD_FILES if path.endswith(".cc")]
        self.assertEqual(violations(commands=everything), [])
        everything.remove("repo/pack_test.cc")
        self.assert_only(violations(commands=everything), "repo/pack_test.cc", "no target")

    def test_a_tree_without_rooms(self):
        found = violations("")
        self.assertIn("src/CMakeLists.txt declares no room", found)


if __name__ == "__main__":
    unittest.main()
