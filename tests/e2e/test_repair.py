"""A disk ate part of a repository: what is lost is said, the next backup heals the newest, and a copy the older ones."""

import shutil

import pytest
from harness.scene import make_scene, refused, segments_in

OFFSITE = """
[repository.offsite]
url = "file://{path}/offsite"
key_file = "{path}/offsite.key"
"""


@pytest.fixture
def make(workplace, holdfast, postgres):
    """A source, its repository, and perhaps a copy; two backups, of which the second shares with the first."""
    def made(copied):
        server = postgres(15, wal_segment_mib=1)
        server.pgbench_init(1)
        settings = 'copies = [{ repository = "offsite" }]\n' + OFFSITE.format(path=workplace.path) if copied else ""
        scene = make_scene(workplace, holdfast, server, repository_settings='pack_size = "1MiB"', source_settings=settings)
        if copied:
            scene.program.run("init", "--repository", "offsite")
        server.execute("CREATE TABLE word AS SELECT 'first' AS text")
        first = scene.backup()["id"]
        server.execute("UPDATE word SET text = 'second'; UPDATE pgbench_branches SET bbalance = 2")
        return scene, first, scene.backup()["id"]
    return made


def repair(scene, *arguments, code=0):
    return scene.program.json("repair", *arguments, code=code)


def content_pack(scene):
    return max((path for path in (scene.repository / "packs").rglob("*") if path.is_file()),
               key=lambda path: path.stat().st_size)


def spoil(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o600)
    path.write_bytes(content)


def everything(scene):
    return {path: path.read_bytes() for path in scene.repository.rglob("*") if path.is_file()}


def hits(scene):
    """What verify finds at the deepest level, by backup: the files."""
    found = {}
    result = scene.program.run("--json", "verify", "--level", "data", "--no-marks", code=None).json()
    for damage in result["damages"]:
        for hit in damage["hits"]:
            found.setdefault(hit["backup"], set()).add(hit["path"])
    return found


def whole_for_all(scene):
    """Nothing hits a backup. An altered pack that nobody needs any more stays until a prune removes it."""
    return scene.program.json("verify", "shop", "--level", "data")["damages"] == []


def word(postgres_on, scene, backup_id):
    server = postgres_on(15, scene.restore("--backup", backup_id)).start()
    server.wait_until_promoted()
    text = server.value("SELECT text FROM word")
    server.stop()
    return text


@pytest.mark.parametrize("lost", [True, False], ids=["lost", "altered"])
def test_without_a_copy_the_next_backup_heals_and_older_ones_name_their_files(make, postgres_on, lost):
    scene, first, second = make(copied=False)
    victim = content_pack(scene)
    if lost:
        victim.unlink()
    else:
        spoil(victim)
    level = () if lost else ("--level", "packs")
    before = everything(scene)
    dry = repair(scene, "--dry-run", *level, code=6)
    assert everything(scene) == before
    said = repair(scene, "shop", *level, code=6)
    assert said["losses"] == dry["losses"] and said["damages"] == dry["damages"]
    assert {loss["backup"] for loss in said["losses"]} == {first, second} and said["brought_back"] == []
    assert said["marked"] == (0 if lost else 1)
    (following,) = said["next_backup"]
    assert following["backup"] == second and following["pages"] > 0
    text = scene.program.run("repair", code=6).out
    files, pages = following["files"], following["pages"]
    assert f"store again {files} file{'s' * (files > 1)}, {pages} page{'s' * (pages > 1)}" in text and victim.name in text

    healed = scene.program.run("--json", "backup", "shop", code=1).json()
    assert healed["pages_changed"] >= following["pages"]
    assert set(hits(scene)) == {first, second}
    assert word(postgres_on, scene, healed["id"]) == "second"
    # What was found once is found again at the cheapest level, and the newest backup is whole.
    again = repair(scene, code=6)
    assert {loss["backup"] for loss in again["losses_left"]} == {first, second} and again["next_backup"] == []
    refusal = refused(scene, "restore", "shop", "--backup", first, "--to", scene.new_folder(), code=6, says="base/")
    assert "--backup" in refusal


def test_a_copy_makes_every_backup_whole_again(make, postgres_on):
    scene, first, second = make(copied=True)
    whole = everything(scene)
    for path in [path for path in whole if path.is_relative_to(scene.repository / "packs")][::2]:
        path.unlink()
    spoil(content_pack(scene))
    spoil(scene.repository / "snapshots" / first)
    segment = segments_in(scene.repository)[0]
    spoil(segment)
    segments_in(scene.repository)[-1].unlink()

    before = everything(scene)
    dry = repair(scene, "--dry-run", "--level", "packs", code=6)
    assert set(dry["brought_back"][0]["backups"]) == {first, second}
    assert everything(scene) == before
    done = repair(scene, "--level", "packs")
    (brought,) = done["brought_back"]
    assert set(brought["backups"]) == {first, second} and brought["from"] == "offsite"
    assert brought["wal_replaced"] == [str(segment.relative_to(scene.repository))] and brought["wal_files"] == 1
    assert done["left"] == [] and done["flaws"] == [] and done["next_backup"] == []
    assert set(scene.backups()) == {first, second}
    assert whole_for_all(scene)
    assert word(postgres_on, scene, first) == "first"
    assert repair(scene)["damages"] == []
    # And it goes on as if nothing had been.
    scene.program.json("prune")
    following = scene.backup()
    assert following["parent"] == second and following["pages_changed"] < 100
    assert whole_for_all(scene)


def test_a_copy_that_cannot_help_is_said(make):
    scene, first, _ = make(copied=True)
    (scene.repository / "snapshots" / first).unlink()
    said = repair(scene)
    assert said["brought_back"][0]["only_there"] == [first]
    content_pack(scene).unlink()
    (scene.workplace.path / "offsite" / "config").unlink()
    said = repair(scene, code=6)
    assert any("offsite" in warning for warning in said["warnings"]), said
    assert said["left"] == said["damages"] != []


def keep_from_marking(scene, pack):
    """A folder lies where the mark would: nobody sees one."""
    (scene.repository / "damaged" / pack.name[:32]).mkdir(parents=True)


def test_what_cannot_be_marked_is_healed_all_the_same(make):
    scene, first, second = make(copied=True)
    victim = content_pack(scene)
    spoil(victim)
    keep_from_marking(scene, victim)
    scene.program.run("repair", "--level", "packs", code=None)
    assert set(scene.backups()) == {first, second}
    assert whole_for_all(scene)


def test_what_cannot_be_marked_or_healed_is_not_called_whole(make):
    scene, first, second = make(copied=False)
    victim = content_pack(scene)
    spoil(victim)
    keep_from_marking(scene, victim)
    said = repair(scene, "--level", "packs", code=6)
    assert {loss["backup"] for loss in said["losses_left"]} == {first, second}


def test_no_wal_goes_where_no_backup_of_the_source_is(make):
    scene, _, _ = make(copied=True)
    offsite = scene.workplace.path / "offsite"
    shutil.rmtree(offsite)
    (scene.workplace.path / "offsite.key").unlink()
    scene.program.run("init", "--repository", "offsite")
    before = sorted(offsite.rglob("*"))
    said = repair(scene, "--repository", "offsite")
    assert sorted(offsite.rglob("*")) == before
    assert sum(place["wal_files"] for place in said["brought_back"]) == 0


def test_sources_that_were_never_meant_to_be_there_are_let_be(workplace, holdfast, postgres):
    scene = make_scene(workplace, holdfast, postgres(15, wal_segment_mib=1), source_settings=OFFSITE.format(path=workplace.path))
    scene.program.run("init", "--repository", "offsite")
    scene.backup()
    said = repair(scene, "--repository", "offsite")
    assert said["brought_back"] == [] and said["wal_gaps"] == []
