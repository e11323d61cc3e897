"""Copies: backups and WAL go to a second repository with keys of its own, and come back when the first one is lost."""

import shutil
import signal

import pytest
from harness.process import eventually, run
from harness.scene import lsn, make_scene, refused, segments_in

OFFSITE = """
[repository.offsite]
url = "file://{path}/offsite"
key_file = "{path}/offsite.key"
"""


@pytest.fixture
def scene(workplace, holdfast, postgres):
    """A source whose WAL is archived, with a second repository beside its own. Every backup is of another round."""
    server = postgres(15, wal_segment_mib=1, settings={"archive_mode": "on"})
    return new_scene(workplace, holdfast, server)


def new_scene(workplace, holdfast, server, copies=""):
    offsite = OFFSITE.format(path=workplace.path)
    made = make_scene(workplace, holdfast, server, source_settings=f'wal = "push"\n{copies}\n{offsite}',
                      repository_settings='pack_size = "1MiB"')
    made.program.run("init", "--repository", "offsite")
    push = f"{made.program.path} --config {made.program.config} wal push --source shop %p"
    server.configure({"archive_command": push})
    server.execute("""CREATE TABLE ledger AS
                      SELECT i, 0 AS round, md5(random()::text) AS text FROM generate_series(1, 20000) AS i""")
    return made


def back_up(scene, number, **options):
    scene.server.execute(f"UPDATE ledger SET round = {number} WHERE i <= 100")
    return scene.backup(**options)["id"]


def archive_all(scene):
    wanted = scene.server.switch_wal()
    eventually(lambda: any(path.name.startswith(wanted) for path in segments_in(scene.repository)),
               f"{wanted} to be archived")
    return wanted


def copy(scene, *arguments, code=0):
    result = scene.program.json("copy", "--from", "main", "--to", "offsite", *arguments, code=code)
    (one,) = result["copies"]
    return one


def offsite(scene):
    return scene.workplace.path / "offsite"


def pack_files(folder):
    return [path for path in (folder / "packs").rglob("*") if path.is_file()]


def packs(folder):
    return {path.name for path in pack_files(folder)}


def listed(scene, repository):
    return [backup["id"] for backup in scene.program.json("--repository", repository, "list", "shop")]


def ledger(server):
    return server.rows("SELECT i, round, text FROM ledger ORDER BY i")


def recovered(postgres_on, folder):
    server = postgres_on(15, folder).start()
    server.wait_until_promoted()
    return server


def test_a_copy_restores_alone_to_the_latest_moment(scene, postgres_on):
    ids = [back_up(scene, 1), back_up(scene, 2)]
    scene.server.execute("UPDATE ledger SET round = 3 WHERE i > 19900")
    archive_all(scene)
    dry = copy(scene, "--dry-run")
    assert dry["copied"] == ids and dry["wal_files"] > 0 and packs(offsite(scene)) == set()
    done = copy(scene)
    assert done["copied"] == ids and done["failures"] == []
    assert listed(scene, "offsite") == ids
    assert packs(offsite(scene)) & packs(scene.repository) == set()
    assert scene.program.json("--repository", "offsite", "verify", "--level", "data")["damages"] == []

    again = copy(scene)
    assert (again["copied"], again["packs"], again["bytes_stored"], again["wal_files"], again["wal_bytes"]) == ([], 0, 0, 0, 0)
    assert again["there"] == ids

    wanted = ledger(scene.server)
    scene.server.stop()
    shutil.rmtree(scene.repository)
    (scene.workplace.path / "main.key").unlink()
    to = scene.new_folder()
    scene.program.run("--repository", "offsite", "restore", "shop", "--to", to)
    assert ledger(recovered(postgres_on, to)) == wanted


def test_a_copy_of_a_later_backup_costs_what_changed(scene):
    back_up(scene, 1)
    first = copy(scene)
    second_id = back_up(scene, 2)
    second = copy(scene)
    assert second["copied"] == [second_id]
    assert second["bytes_stored"] * 4 < first["bytes_stored"]
    # A backup that its source stored wholly anew shares nothing, and is whole all the same.
    scene.backup("--full")
    copy(scene)
    assert scene.program.json("--repository", "offsite", "verify", "--level", "data")["damages"] == []
    # And back again: to a repository that has lost all.
    shutil.rmtree(scene.repository)
    (scene.workplace.path / "main.key").unlink()
    scene.program.run("init")
    scene.program.run("copy", "--from", "offsite", "--to", "main")
    assert listed(scene, "main") == listed(scene, "offsite")
    assert scene.verify()["damages"] == []


def test_a_damaged_pack_keeps_its_backups_from_being_copied_and_no_others(scene):
    first = back_up(scene, 1)
    of_first = packs(scene.repository)
    second = scene.backup("--full")["id"]
    victim = max((path for path in (scene.repository / "packs").rglob("*") if path.name in of_first),
                 key=lambda path: path.stat().st_size)
    content = bytearray(victim.read_bytes())
    content[len(content) // 2] ^= 1
    victim.chmod(0o600)
    victim.write_bytes(content)
    done = copy(scene, code=6)
    assert done["copied"] == [second]
    (failure,) = done["failures"]
    assert failure["what"] == f"backup {first}" and failure["kind"] == "corrupt" and victim.name in failure["problem"]
    assert listed(scene, "offsite") == [second]
    assert first in scene.program.run("copy", "--from", "main", "--to", "offsite", code=6).err


def test_streamed_wal_goes_to_the_copy_too(workplace, holdfast, postgres, postgres_on):
    server = postgres(15, wal_segment_mib=1)
    scene = make_scene(workplace, holdfast, server, source_settings='copies = [{ repository = "offsite" }]\n'
                       f'copy_interval = "1s"\n{OFFSITE.format(path=workplace.path)}')
    scene.program.run("init", "--repository", "offsite")
    receiver = scene.program.start("wal", "stream", "shop")
    scene.backup()
    server.execute("CREATE TABLE kept AS SELECT generate_series(1, 1000) AS i")
    server.switch_wal()
    server.execute("INSERT INTO kept VALUES (1001)")
    position = lsn(server.value("SELECT pg_current_wal_flush_lsn()"))

    def copied_up_to():
        (source,) = scene.program.json("status", code=None)["sources"]
        (there,) = source["copies"]
        return lsn(there["wal_to_lsn"]) if there["wal_to_lsn"] else 0
    eventually(lambda: copied_up_to() >= position, "the copy to follow")
    # Another directory in its place, which holds the same, is opened again.
    run("cp", "-a", offsite(scene), workplace.path / "fresh")
    offsite(scene).rename(workplace.path / "old")
    workplace.path.joinpath("fresh").rename(offsite(scene))
    server.execute("INSERT INTO kept VALUES (1002)")
    position = lsn(server.value("SELECT pg_current_wal_flush_lsn()"))
    eventually(lambda: copied_up_to() >= position, "the copy to follow in another directory")
    receiver.stop(signal.SIGTERM)
    server.stop()
    shutil.rmtree(scene.repository)
    to = scene.new_folder()
    scene.program.run("restore", "shop", "--to", to, code=1)
    assert recovered(postgres_on, to).value("SELECT max(i) FROM kept") == "1002"


def test_pushed_wal_that_does_not_get_to_a_copy_is_told_until_it_does(workplace, holdfast, postgres):
    server = postgres(15, wal_segment_mib=1, settings={"archive_mode": "on"})
    scene = new_scene(workplace, holdfast, server, copies='copies = [{ repository = "offsite" }]')
    back_up(scene, 1)
    state = workplace.path / "state/forward/shop/offsite"

    def push(number):
        server.execute(f"UPDATE ledger SET round = {number} WHERE i > 19900")
        return archive_all(scene)

    def there(segment):
        return any(path.name.startswith(segment) for path in segments_in(offsite(scene)))

    def problem():
        (source,) = scene.program.json("status", code=None)["sources"]
        return source["copies"][0]["wal_problem"]

    def by_name(number):
        """What the copy is in step with goes there by name; nothing stays in the queue."""
        eventually((state / "in-step").exists, "the copy to be in step")
        segment = push(number)
        eventually(lambda: there(segment) and not list((state / "pushed").iterdir()), f"{segment} to be in the copy")
        assert (state / "in-step").exists() and problem() is None

    push(2)
    by_name(3)
    aside = workplace.path / "aside"
    offsite(scene).rename(aside)
    missed = push(4)
    eventually((state / "problem").exists, "the trouble to be written down")
    assert problem() and not (state / "in-step").exists()
    aside.rename(offsite(scene))
    assert "WAL does not get to the copy in offsite" in scene.program.run("status", code=1).out
    assert not there(missed)
    push(5)
    eventually(lambda: there(missed) and problem() is None, "the next push to make up for it")
    by_name(6)


def test_pushed_wal_that_cannot_be_noted_for_one_copy_goes_to_the_others_and_is_looked_for(workplace, holdfast, postgres):
    server = postgres(15, wal_segment_mib=1, settings={"archive_mode": "on"})
    third = workplace.path / "third"
    scene = new_scene(workplace, holdfast, server,
                      copies='copies = [{ repository = "offsite" }, { repository = "third" }]\n' + OFFSITE.format(
                          path=workplace.path).replace("offsite", "third"))
    scene.program.run("init", "--repository", "third")
    back_up(scene, 1)
    state = workplace.path / "state/forward/shop"

    def push(number):
        server.execute(f"UPDATE ledger SET round = {number} WHERE i > 19900")
        return archive_all(scene)

    def has(repository, segment):
        return any(path.name.startswith(segment) for path in segments_in(repository))

    push(2)
    eventually(lambda: all((state / copy / "in-step").exists() for copy in ("offsite", "third")), "both to be in step")
    queue = state / "offsite/pushed"
    eventually(lambda: not list(queue.iterdir()), "the queue to be empty")
    queue.rmdir()
    queue.write_bytes(b"")
    missed = push(3)
    eventually(lambda: has(third, missed), "the other copy to get it")
    assert not (state / "offsite/in-step").exists() and not has(offsite(scene), missed)
    queue.unlink()
    push(4)
    eventually(lambda: has(offsite(scene), missed), "the next push to bring it")


def test_what_cannot_be_copied_is_refused(scene):
    back_up(scene, 1)
    refused(scene, "copy", "--from", "main", "--to", "main", code=4, says="the same repository")
    refused(scene, "copy", "--from", "main", code=2, says="go together")
    refused(scene, "copy", code=2, says="no copies are configured")
    refused(scene, "copy", "--from", "main", "--to", "nowhere", code=2, says="nowhere")
    refused(scene, "copy", "--from", "main", "--to", "offsite", "shop/19990101T000000Z-0000", code=3, says="no backup")
    refused(scene, "--repository", "main", "copy", code=2, says="--repository")


def test_each_backup_goes_to_the_copies_and_a_restore_falls_over_to_one(workplace, holdfast, postgres, postgres_on):
    server = postgres(15, wal_segment_mib=1, settings={"archive_mode": "on"})
    scene = new_scene(workplace, holdfast, server, copies='copies = [{ repository = "offsite" }]')
    first = back_up(scene, 1)
    assert listed(scene, "offsite") == [first]
    aside = workplace.path / "aside"
    offsite(scene).rename(aside)
    (source,) = scene.program.json("status", code=1)["sources"]
    assert source["copies"][0]["problem"]
    assert source["three_two_one"]["places"] == ["the server", "main"]
    result = scene.program.run("--json", "backup", "shop", code=1)
    second = result.json()["id"]
    assert "copy in offsite is not complete" in result.err and "error" in result.json()["copies"][0]
    assert set(scene.backups()) == {first, second}
    aside.rename(offsite(scene))
    server.execute("UPDATE ledger SET round = 7 WHERE i > 19900")
    archive_all(scene)
    said = scene.program.run("status", code=1).out
    assert f"the copy in offsite lacks the newest backup, {second}" in said
    assert second in scene.program.run("copy").out
    (source,) = scene.program.json("status", code=1)["sources"]
    (there,) = source["copies"]
    assert there["newest_backup"]["id"] == second and there["backups"] == 2 and there["wal_to_lsn"]
    # Directories on one machine: three copies, and none elsewhere.
    assert source["three_two_one"]["places"] == ["the server", "main", "offsite"]
    assert not source["three_two_one"]["holds"] and not source["three_two_one"]["elsewhere"]
    assert there["wal_missing"] is None

    # What is pushed goes to the copy at once. A hole there is told, and filled.
    ends = []
    for number in (8, 9):
        server.execute(f"UPDATE ledger SET round = {number} WHERE i > 19900")
        ends.append(archive_all(scene))
    for end in ends:
        eventually(lambda: any(path.name.startswith(end) for path in segments_in(offsite(scene))),  # noqa: B023
                   f"{end} to be in the copy")
    (lost,) = (path for path in segments_in(offsite(scene)) if path.name.startswith(ends[0]))
    lost.unlink()
    (source,) = scene.program.json("status", code=1)["sources"]
    assert source["copies"][0]["wal_missing"] == ends[0]
    assert any("offsite lacks WAL" in reason["text"] for reason in source["reasons"])
    scene.program.run("copy")
    (source,) = scene.program.json("status", code=None)["sources"]
    assert source["copies"][0]["wal_missing"] is None
    wanted = ledger(server)
    server.stop()

    # A segment is damaged: recovery gets it from the copy.
    name = segments_in(offsite(scene))[1].name.split(".")[0]
    segment = max((path for path in segments_in(scene.repository) if path.name.startswith(name)),
                  key=lambda path: path.stat().st_size)  # beside it may lie its backup history file
    whole = segment.read_bytes()
    segment.chmod(0o600)
    segment.write_bytes(whole[:-1000])
    fetched = run(scene.program.path, "--config", scene.program.config, "wal", "fetch", "--source", "shop", name,
                  "pg_wal/FETCHED", cwd=server.data)
    assert "taken from the copy in offsite" in fetched.err
    original = server.data / "pg_wal" / name
    assert not original.exists() or (server.data / "pg_wal" / "FETCHED").read_bytes() == original.read_bytes()
    segment.write_bytes(whole)

    # Each lacks a pack, and gives what the other lacks; unless it is the same one, of which nothing is left.
    victim = max(pack_files(scene.repository), key=lambda path: path.stat().st_size)
    victim.unlink()
    to = scene.new_folder()
    endings = {}
    for pack in pack_files(offsite(scene)):
        pack.rename(workplace.path / "lost")
        endings[pack] = scene.program.run("--json", "restore", "shop", "--to", to, "--dry-run", code=None)
        (workplace.path / "lost").rename(pack)
    assert {ending.code for ending in endings.values()} == {1, 6} and not to.exists()
    second_victim = next(pack for pack, ending in endings.items() if ending.code == 1)
    second_victim.rename(workplace.path / "lost")
    result = scene.program.run("--json", "restore", "shop", "--to", to, code=1)
    assert result.json()["repository"] == "main"
    assert any("taken from the copy in offsite" in warning for warning in result.json()["warnings"])
    restored = recovered(postgres_on, to)
    assert ledger(restored) == wanted
    restored.stop()

    # WAL ends early in the first one: the copy is followed to the latest moment, and what it lacks comes from the first.
    (segment,) = (path for path in segments_in(scene.repository) if path.name.startswith(ends[0]))
    segment.unlink()
    to = scene.new_folder()
    result = scene.program.run("--json", "restore", "shop", "--to", to, code=1)
    assert result.json()["repository"] == "offsite" and "goes on to" in result.err
    assert any("taken from the copy in main" in warning for warning in result.json()["warnings"])
    restored = recovered(postgres_on, to)
    assert ledger(restored) == wanted
    restored.stop()

    # All of the repository is gone, and the copy is whole.
    (workplace.path / "lost").rename(second_victim)
    shutil.rmtree(scene.repository)
    to = scene.new_folder()
    result = scene.program.run("restore", "shop", "--to", to, code=1)
    assert "from the copy in offsite" in result.err
    assert ledger(recovered(postgres_on, to)) == wanted


def test_behind_a_gap_the_copy_that_reaches_furthest_is_followed(workplace, holdfast, postgres, postgres_on):
    """And not the next one in order, which may have less than what is left."""
    third = f'[repository.third]\nurl = "file://{workplace.path}/third"\nkey_file = "{workplace.path}/third.key"\n'
    server = postgres(15, wal_segment_mib=1, settings={"archive_mode": "on"})
    scene = new_scene(workplace, holdfast, server,
                      copies=f'copies = [{{ repository = "offsite" }}, {{ repository = "third" }}]\n{third}')
    scene.program.run("init", "--repository", "third")
    back_up(scene, 1)
    ends = []
    for number in range(2, 7):
        scene.server.execute(f"UPDATE ledger SET round = {number} WHERE i <= 100")
        ends.append(archive_all(scene))
    wanted = ledger(scene.server)
    for folder in (offsite(scene), workplace.path / "third"):
        eventually(lambda folder=folder: any(path.name.startswith(ends[-1]) for path in segments_in(folder)), "the copies")

    def lose(folder, *names):
        for path in segments_in(folder):
            if path.name.startswith(names):
                path.unlink()
    lose(scene.repository, ends[3])
    lose(offsite(scene), *ends[1:])
    result = scene.program.run("--json", "restore", "shop", "--to", (to := scene.new_folder()), code=1)
    assert result.json()["repository"] == "third", result
    restored = recovered(postgres_on, to)
    assert ledger(restored) == wanted
    restored.stop()

    # The one that has it all is down: what is left of the first is more than what the other copy has.
    (workplace.path / "third" / "config").unlink()
    result = scene.program.run("--json", "restore", "shop", "--to", scene.new_folder(), "--dry-run", code=1)
    assert result.json()["repository"] == "main", result
