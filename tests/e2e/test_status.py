"""`status`: what can be recovered, what is at risk, and what is wrong, said in time and only when it is so."""

import os
import shutil
import signal
import time

import pytest
from harness.process import eventually, run

CONFIG = """
state_directory = "{path}/state"
[repository.main]
url = "file://{path}/repository"
key_file = "{path}/main.key"
[source.shop]
connection = "{conninfo}"
"""


@pytest.fixture
def server(postgres):
    made = postgres(15)
    made.stop()
    return made.start({"fsync": "on"})


@pytest.fixture
def program(workplace, holdfast, server):
    made = holdfast(CONFIG.format(path=workplace.path, conninfo=server.conninfo()))
    made.run("init")
    return made


def back_up(program):
    """While a receiver runs: without one a backup waits for WAL before it reads it itself."""
    receiver = program.start("wal", "stream", "shop")
    program.run("backup", "shop")
    receiver.stop(signal.SIGTERM)


def status(program, code):
    (source,) = program.json("status", "shop", code=code)["sources"]
    assert source["source"] == "shop"
    assert all(reason["text"] and reason["hint"] for reason in source["reasons"])
    return source


def texts(source):
    return " | ".join(reason["text"] for reason in source["reasons"])


def is_protected(program):
    (source,) = program.json("status", "shop", code=None)["sources"]
    return source["state"] == "protected" and source["at_risk"] == {"bytes": 0, "seconds": 0}


def test_without_a_backup_nothing_is_protected_and_nothing_is_known_to_be_at_risk(program):
    source = status(program, code=1)
    assert source["state"] == "unprotected"
    assert "there is no backup" in texts(source)
    assert (source["newest_backup"], source["backups"], source["windows"]) == (None, 0, [])
    assert source["at_risk"] is None
    people = program.run("status", code=1).out
    assert people.startswith("shop: unprotected\n") and "unknown" in people
    line = program.run("status", "--check", code=2).out
    assert line.startswith("HOLDFAST CRITICAL - shop unprotected") and line.count("\n") == 1


def test_a_backup_and_a_receiver_protect_and_a_receiver_that_died_is_told(workplace, program, server):
    receiver = program.start("wal", "stream", "shop")
    program.run("backup", "shop")
    server.execute("CREATE TABLE t AS SELECT generate_series(1, 1000) AS i")
    eventually(lambda: is_protected(program), "everything is in the repository")
    source = status(program, code=0)
    (window,) = source["windows"]
    assert window["timeline"] == 1 and window["gaps"] == []
    assert window["from"] <= window["to"]
    assert source["newest_backup"]["id"].startswith("shop/") and source["receiver"]["running"]
    assert program.run("status", "--check").out.startswith("HOLDFAST OK - shop protected")
    away = {"HOLDFAST_STATE_DIRECTORY": workplace.path / "elsewhere"}
    (elsewhere,) = program.json("status", "shop", env=away)["sources"]
    assert elsewhere["state"] == "protected" and elsewhere["receiver"] is None and elsewhere["receiver_connected"]
    assert "running on another host" in program.run("status", "shop", env=away).out
    receiver.kill()
    eventually(lambda: not is_protected(program), "the server to notice that the receiver is gone")
    idle = status(program, code=1)
    assert idle["state"] == "attention" and "no WAL receiver runs" in texts(idle)
    assert idle["at_risk"]["bytes"] == 0 and not idle["receiver_connected"]
    server.execute("CREATE TABLE u AS SELECT generate_series(1, 1000) AS i")
    late = status(program, code=1)
    assert late["state"] == "attention" and "no WAL receiver runs" in texts(late)
    assert late["at_risk"]["bytes"] > 0 and late["at_risk"]["seconds"] >= 0


def test_what_ended_a_receiver_is_told(workplace, program, server):
    receiver = program.start("wal", "stream", "shop")
    program.run("backup", "shop")
    eventually(lambda: is_protected(program), "everything is in the repository")
    config = workplace.path / "repository/config"
    config.write_bytes(config.read_bytes()[::-1])
    server.execute("CREATE TABLE t AS SELECT generate_series(1, 1000) AS i")
    receiver.wait_for_output("WAL waits in the spool")
    workplace.path.joinpath("repository").rename(workplace.path / "moved")
    workplace.folder("repository").joinpath("other").write_text("something else\n")
    receiver.wait(code=4)
    shutil.rmtree(workplace.path / "repository")
    workplace.path.joinpath("moved").rename(workplace.path / "repository")
    config.write_bytes(config.read_bytes()[::-1])
    ended = status(program, code=1)
    assert "it ended: another directory has taken the place" in texts(ended)


def test_a_gap_after_the_newest_backup_ends_recovery_until_the_next_one(program, server):
    back_up(program)
    names = []
    for _ in range(2):
        server.execute("CREATE TABLE IF NOT EXISTS t (i int); INSERT INTO t VALUES (1)")
        names.append(server.switch_wal())
    server.execute("INSERT INTO t VALUES (2)")
    program.run("wal", "push", "--source", "shop", server.data / "pg_wal" / names[1])
    source = status(program, code=1)
    assert source["state"] == "unprotected" and names[0] in texts(source)
    (window,) = source["windows"]
    assert window["gaps"][0]["missing"] == names[0]
    assert names[0] in program.run("status", code=1).out
    program.run("backup", "shop")
    server.execute("INSERT INTO t VALUES (3)")  # nobody receives it: attention, and not for the gap
    healed = status(program, code=1)
    assert healed["state"] == "attention" and "gap" not in texts(healed)
    assert len(healed["windows"][0]["stretches"]) == 2
    assert healed["windows"][0]["gaps"][0]["missing"] == names[0]


def test_a_server_that_was_taken_back_to_before_all_backups_is_unprotected(workplace, program, server, postgres_on):
    server.stop()
    early = workplace.path / "early"
    run("cp", "-a", server.data, early)
    server.start({"fsync": "on"})
    back_up(program)
    server.stop()
    run("touch", early / "recovery.signal")
    taken_back = postgres_on(15, early).start({"restore_command": "false", "fsync": "on"})
    eventually(lambda: taken_back.value("SELECT pg_is_in_recovery()::int") == "0", "timeline 2")
    there = {"HOLDFAST_SOURCE_SHOP_CONNECTION": taken_back.conninfo()}
    (source,) = program.json("status", "shop", code=1, env=there)["sources"]
    assert source["state"] == "unprotected" and "timeline 2" in texts(source)
    assert "left the timeline of the backup before" in program.run("backup", "shop", env=there, code=1).err
    (source,) = program.json("status", "shop", code=None, env=there)["sources"]
    assert source["state"] != "unprotected" and source["windows"][-1]["timeline"] == 2


def test_a_stopped_server_leaves_at_risk_unknown(program, server):
    back_up(program)
    server.stop()
    source = status(program, code=1)
    assert source["state"] == "attention" and source["at_risk"] is None
    assert "what is at risk is unknown" in texts(source)
    assert source["backups"] == 1 and len(source["windows"]) == 1


def test_a_damaged_backup_is_shown(workplace, program):
    back_up(program)
    (snapshot,) = (p for p in (workplace.path / "repository/snapshots").rglob("*") if p.is_file())
    snapshot.chmod(0o600)
    snapshot.write_bytes(b"damaged" + snapshot.read_bytes()[7:])
    source = status(program, code=1)
    assert source["state"] == "unprotected"
    assert len(source["damaged_backups"]) == 1 and source["damaged_backups"][0]["id"] in texts(source)


def test_a_repository_that_is_not_there_is_unknown(workplace, program):
    gone = {"HOLDFAST_REPOSITORY_MAIN_URL": f"{workplace.path}/unmounted"}
    line = program.run("status", "--check", code=3, env=gone).out
    assert line.startswith("HOLDFAST UNKNOWN - shop unknown: ") and "unmounted" in line
    assert program.run("status", "--check", code=3, env={"HOLDFAST_TIMEZONE": "Mars"}).out.count("\n") == 1


def test_a_receiver_goes_on_when_its_state_cannot_be_written(workplace, program, server):
    in_the_way = workplace.path / "state/wal/shop/receiver.json"
    for part in ("state", "state/wal", "state/wal/shop", "state/wal/shop/receiver.json"):
        workplace.folder(part)
    receiver = program.start("wal", "stream", "shop")
    receiver.wait_for_output("state cannot be written")
    program.run("backup", "shop")
    in_the_way.rmdir()
    server.execute("CREATE TABLE t AS SELECT generate_series(1, 1000) AS i")
    eventually(lambda: is_protected(program), "the receiver goes on")
    receiver.stop(signal.SIGTERM)


@pytest.fixture
def pushing(program, server):
    """A source with a backup, whose server archives."""
    program.configure(program.config.read_text() + 'wal = "push"\n')
    push = f"{program.path} --config {program.config} wal push --source shop %p"
    server.stop()
    server.configure({"archive_command": push})
    server.start({"fsync": "on", "archive_mode": "on"})
    program.run("backup", "shop")
    eventually(lambda: status_of(program) == "protected", "the archiver catches up")
    return program


def status_of(program):
    return program.json("status", "shop", code=None)["sources"][0]["state"]


def attention(program):
    """What status, its check and wal status say of a source that a minute ago was well."""
    program.run("status", "--check", code=1)
    source = status(program, code=1)
    assert source["state"] == "attention"
    (problem,) = program.json("wal", "status", "shop", code=1)["problems"]
    assert problem in texts(source)
    return problem


def archive_by(server, command):
    server.configure({"archive_command": command})
    eventually(lambda: server.rows("SELECT setting FROM pg_settings WHERE name = 'archive_command'") ==
               ([[command]] if command else [[]]), "the server reads its settings")


def finish_a_segment(server):
    name = server.value("SELECT pg_walfile_name(pg_current_wal_insert_lsn())")
    server.execute("CREATE TABLE IF NOT EXISTS t (i int); INSERT INTO t VALUES (1)")
    server.switch_wal()
    return name


def test_an_archiver_that_fails_is_told_and_one_that_works_again_is_well(pushing, server):
    pushing.run("wal", "status", "shop")
    good = server.value("SHOW archive_command")
    archive_by(server, "false")
    name = finish_a_segment(server)
    eventually(lambda: server.rows("SELECT last_failed_wal FROM pg_stat_archiver") == [[name]], "the archiver fails")
    assert name in attention(pushing)
    archive_by(server, good)
    eventually(lambda: status_of(pushing) == "protected", "the archiver works again")
    pushing.run("wal", "status", "shop")


def test_segments_that_are_pushed_nowhere_or_elsewhere_are_missed(pushing, server):
    archive_by(server, "")
    name = finish_a_segment(server)
    assert status_of(pushing) == "protected"
    long_ago = time.time() - 600
    os.utime(server.data / "pg_wal" / name, (long_ago, long_ago))
    assert f"{name} was finished 10 min" in attention(pushing)
    archive_by(server, "true")
    eventually(lambda: server.rows("SELECT last_archived_wal FROM pg_stat_archiver") == [[name]], "it goes elsewhere")
    finish_a_segment(server)
    server.execute("CHECKPOINT")
    eventually(lambda: not (server.data / "pg_wal" / name).exists(), "the server removes it")
    assert name in attention(pushing)


def test_a_pushing_server_that_is_idle_is_not_late(pushing, server):
    segments = [path for path in (server.data / "pg_wal").iterdir() if len(path.name) == 24]
    long_ago = time.time() - 86400
    for path in segments:
        os.utime(path, (long_ago, long_ago))
    assert status_of(pushing) == "protected"
    pushing.run("wal", "status", "shop")


def test_a_pushing_server_without_archive_mode_is_told(pushing, server):
    server.stop()
    server.start({"fsync": "on", "archive_mode": "off"})
    assert "archive_mode" in attention(pushing)
    server.stop()
    assert "archive_mode" not in texts(status(pushing, code=1))
    pushing.run("wal", "status", "shop")
