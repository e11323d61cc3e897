"""What goes wrong on the way: each trouble has its exit code, one sentence and a hint, loses nothing and tells no secret."""

import contextlib
import os
import pathlib
import re
import shutil

import pytest
from harness.disks import small_disk
from harness.postgres import OFFICIAL_IMAGE, PASSWORD
from harness.process import descendants_of, eventually, run
from harness.scene import make_scene, segments_in
from harness.scene import refused as refusal

SECRET = "s3cret-Pa55word"


@pytest.fixture
def scene(workplace, holdfast, postgres):
    return make_scene(workplace, holdfast, postgres(15, wal_segment_mib=1))


def refused(scene, *arguments, **options):
    return refusal(scene, *arguments, secrets=(PASSWORD, SECRET), **options)


def env_connection(server, **more):
    return {"HOLDFAST_SOURCE_SHOP_CONNECTION": server.conninfo(**more)}


# -- the repository


def test_a_folder_that_may_not_be_read_is_not_an_empty_repository(workplace, scene):
    scene.repository.chmod(0)
    for words in (("list",), ("backup", "shop"), ("wal", "stream", "shop"), ("verify",)):
        refused(scene, *words, code=5, says="denied")
    scene.repository.chmod(0o700)
    scene.backup()


def test_a_repository_that_may_not_be_written_takes_no_backup_and_gives_all_back(workplace, scene, postgres_on):
    backup = scene.backup()["id"]
    folders = [scene.repository, *(path for path in scene.repository.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o500)
    refused(scene, "backup", "shop", code=5, says="denied")
    assert scene.backups() == [backup]
    folder = scene.restore()
    postgres_on(15, folder).start().wait_until_promoted()
    for folder in folders:
        folder.chmod(0o700)
    scene.backup()


def test_a_key_file_that_may_not_be_read_is_told(workplace, scene):
    (workplace.path / "main.key").chmod(0)
    refused(scene, "list", code=2, says="main.key")
    (workplace.path / "main.key").chmod(0o600)


def test_a_spool_that_may_not_be_written_stops_the_receiver(workplace, scene):
    workplace.folder("state").chmod(0o500)
    refused(scene, "wal", "stream", "shop", code=5, says="state")
    workplace.path.joinpath("state").chmod(0o700)


def test_a_repository_of_a_later_format_is_refused_by_its_version(workplace, scene):
    config = scene.repository / "config"
    text = config.read_text()
    assert '"format": 1' in text
    import hashlib
    newer = re.sub(r'  "checksum": "[0-9a-f]{64}",\n', "", text).replace('"format": 1', '"format": 2')
    checksum = hashlib.sha256(newer.encode()).hexdigest()
    config.chmod(0o600)
    config.write_text(newer.replace("{\n", f'{{\n  "checksum": "{checksum}",\n', 1))
    for command in ("list", "usage"):  # the latter needs no key
        assert "upgrade" in refused(scene, command, code=2, says="format 2").lower()


def test_a_full_repository_publishes_no_backup_and_the_next_one_works(workplace, holdfast, postgres):
    server = postgres(15, wal_segment_mib=1)
    disk = small_disk(workplace, "disk", 24 << 20)
    scene = make_scene(workplace, holdfast, server, repository=disk / "repository",
                       repository_settings='pack_size = "1MiB"')
    first = scene.backup()["id"]
    server.execute("CREATE TABLE noise AS SELECT sha512(i::text::bytea) FROM generate_series(1, 400000) AS i")
    refused(scene, "backup", "shop", code=5, says="space")
    assert scene.backups() == [first]
    assert scene.verify()["damages"] == []
    server.execute("DROP TABLE noise; CHECKPOINT")
    disk.joinpath("repository")
    for path in list((disk / "repository").rglob("*")):
        if path.is_file() and "tmp" in path.name:
            path.unlink()
    run("mount", "-o", "remount,size=200m", disk, user="root")
    scene.backup()
    assert scene.verify()["damages"] == []


def test_a_full_spool_makes_the_server_wait_and_loses_nothing(workplace, holdfast, postgres):
    server = postgres(15, wal_segment_mib=1, settings={"wal_keep_size": "64MB"})
    disk = small_disk(workplace, "state", 3 << 20)
    scene = make_scene(workplace, holdfast, server, source_settings='spool_max = "64MiB"')
    scene.backup()
    # With the repository out of reach everything must stay in the spool.
    receiver = scene.receive()
    away = scene.repository.with_name("away")
    scene.repository.rename(away)
    server.execute("CREATE TABLE noise AS SELECT sha512(i::text::bytea) FROM generate_series(1, 60000) AS i")
    receiver.wait_for_output("o space left")
    assert receiver.running()
    away.rename(scene.repository)
    end = server.lsn()
    scene.wait_until_stored(end)
    receiver.stop(code=0)
    assert scene.status()["problems"] == []
    assert shutil.disk_usage(disk).total == 3 << 20


def test_a_restore_that_does_not_fit_is_refused_before_anything_is_written(workplace, scene):
    scene.backup()
    disk = small_disk(workplace, "target", 4 << 20)
    error = refused(scene, "restore", "shop", "--to", disk, code=5, says="are needed")
    assert "nothing was written" in error
    assert list(disk.iterdir()) == []


def test_a_disk_that_fills_up_during_a_restore_leaves_nothing_that_starts(workplace, holdfast, scene, postgres_on):
    scene.server.pgbench_init(3)
    scene.backup()
    disk = small_disk(workplace, "target", 200 << 20)
    to = disk / "restored"
    process = scene.program.start("--limit-download", "4MiB", "restore", "shop", "--to", to)
    eventually(lambda: (to / "PG_VERSION").exists() or not process.running(), "the restore to begin")
    filler = disk / "filler"
    with contextlib.suppress(OSError), open(filler, "wb") as file:
        while True:
            file.write(bytes(1 << 20))
    result = process.wait(code=5)
    errors = [line for line in result.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1 and "o space left" in errors[0], result
    assert "hint: " in result.err, result
    assert not (to / "global" / "pg_control").exists()
    start = scene.server.tool("postgres", "-D", to, code=None)
    assert start.code != 0
    filler.unlink()
    scene.restore(to=to)
    server = postgres_on(15, to).start()
    server.wait_until_promoted()
    assert server.value("SELECT count(*) FROM pgbench_accounts") == "300000"


# -- the server


@pytest.mark.parametrize("words", [("backup", "shop"), ("backup", "shop", "--full")])
def test_a_server_that_cannot_be_reached_is_told(scene, words):
    scene.server.stop()
    refused(scene, *words, code=5, says="connect")
    assert scene.backups() == []


def test_a_wrong_password_is_told_and_shown_nowhere(workplace, holdfast, postgres):
    server = postgres(15, hba=OFFICIAL_IMAGE)
    scene = make_scene(workplace, holdfast, server, conninfo=server.outside_conninfo(password=SECRET))
    refused(scene, "backup", "shop", code=5, says="password")
    refused(scene, "--verbose", "backup", "shop", code=5, says="password")
    shown = scene.program.run("config", "show")
    assert SECRET not in shown.out + shown.err
    refused(scene, "wal", "stream", "shop", code=5, says="password")


def command_lines(process):
    """What the process list shows of it and of what it starts, until it ends."""
    seen = ""
    while process.running():
        for pid in (process.pid, *descendants_of(process.pid)):
            with contextlib.suppress(OSError):  # it has ended
                seen += pathlib.Path(f"/proc/{pid}/cmdline").read_text()
    process.wait()
    return seen


def test_no_secret_is_in_the_process_list_or_in_what_is_restored(workplace, holdfast, postgres, postgres_on):
    server = postgres(15, hba=OFFICIAL_IMAGE, wal_segment_mib=1)
    scene = make_scene(workplace, holdfast, server, conninfo=server.outside_conninfo())
    seen = command_lines(scene.program.start("backup", "shop"))
    assert "backup" in seen and PASSWORD not in seen
    receiver = scene.receive()
    for what in ("cmdline", "comm"):
        with open(f"/proc/{receiver.pid}/{what}", encoding="utf-8") as shown:
            assert PASSWORD not in shown.read()
    result = receiver.stop(code=0)
    assert PASSWORD not in result.out + result.err
    seen = command_lines(scene.program.start("restore", "shop", "--to", scene.new_folder()))
    assert "restore" in seen and PASSWORD not in seen
    said = scene.program.run("restore", "shop", "--to", scene.new_folder(), "--json", "--verbose", code=None)
    folder = workplace.path / "restored-2"
    assert said.code in (0, 1) and PASSWORD not in said.out + said.err
    key = (workplace.path / "main.key").read_text().strip()
    auto = (folder / "postgresql.auto.conf").read_text()
    assert "restore_command" in auto and PASSWORD not in auto and key not in auto
    for path in (workplace.path / "state").rglob("*.json"):
        assert PASSWORD not in path.read_text()


def test_a_server_without_enough_wal_is_refused(workplace, holdfast, postgres):
    server = postgres(15, settings={"wal_level": "minimal", "max_wal_senders": "0"})
    scene = make_scene(workplace, holdfast, server)
    refused(scene, "backup", "shop", code=4, says="wal_level")
    assert scene.backups() == []


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_server_that_stops_during_a_backup_leaves_no_backup(scene, mode):
    scene.server.pgbench_init(10)
    backup = scene.program.start("backup", "shop", "--full", "--jobs", "1")
    backup.wait_for_output("checkpoint first")
    eventually(lambda: any(scene.repository.rglob("packs/*")) or list((scene.repository / "leases").rglob("*")),
               "the backup to begin")
    scene.server.stop(mode)
    result = backup.wait()
    assert result.code == 5, result
    assert len([line for line in result.err.splitlines() if line.startswith("error: ")]) == 1
    scene.server.start()
    assert scene.backups() == []
    scene.backup()
    assert scene.verify()["damages"] == []


# -- receivers and archives


def test_a_second_receiver_of_a_source_is_refused(scene):
    receiver = scene.receive()
    refused(scene, "wal", "stream", "shop", code=4, says="receiver")
    assert receiver.running()
    receiver.stop(code=0)


def test_a_strange_cluster_is_refused_by_push_and_stream(workplace, scene, postgres):
    scene.backup()
    receiver = scene.receive()
    receiver.stop(code=0)
    before = segments_in(scene.repository)
    stranger = postgres(15, name="stranger", wal_segment_mib=1)
    stranger.execute("CREATE TABLE t AS SELECT 1 AS i")
    segment = stranger.switch_wal()
    refused(scene, "wal", "push", "--source", "shop", f"pg_wal/{segment}", code=4, says="shop", cwd=stranger.data)
    refused(scene, "wal", "stream", "shop", code=4, says="shop", env=env_connection(stranger))
    # The same without the spool's memory, as after a move to another host.
    shutil.rmtree(workplace.path / "state")
    refused(scene, "wal", "stream", "shop", code=4, says="shop", env=env_connection(stranger))
    assert segments_in(scene.repository) == before
    assert len(scene.status()["systems"]) == 1


def test_a_lost_slot_is_told_and_the_gap_is_shown(workplace, holdfast, postgres):
    server = postgres(15, wal_segment_mib=1, settings={"max_slot_wal_keep_size": "1MB", "max_wal_size": "2MB",
                                                       "min_wal_size": "2MB"})
    scene = make_scene(workplace, holdfast, server)
    receiver = scene.receive()
    receiver.stop(code=0)
    for _ in range(12):
        server.execute("CREATE TABLE IF NOT EXISTS t (i int); INSERT INTO t SELECT generate_series(1, 1000)")
        server.switch_wal()
    server.execute("CHECKPOINT")
    assert server.value("SELECT wal_status FROM pg_replication_slots") == "lost"
    receiver = scene.program.start("wal", "stream", "shop")
    receiver.wait_for_output("recovery cannot pass this gap")
    server.execute("INSERT INTO t SELECT generate_series(1, 1000)")
    scene.wait_until_stored(server.lsn())
    status = scene.status()
    assert any("missing" in problem for problem in status["problems"]), status
    receiver.stop(code=0)
    # With so little WAL kept, a checkpoint during the backup may remove what it needs: then it is refused.
    server.configure({"wal_keep_size": "64MB", "max_wal_size": "64MB", "max_slot_wal_keep_size": "-1"})
    eventually(lambda: server.value("SHOW wal_keep_size") == "64MB", "the settings to be read")
    backup = scene.backup()["id"]
    scene.restore("--backup", backup)


def test_a_slot_that_is_dropped_while_wal_is_received_is_made_again(workplace, holdfast, postgres):
    server = postgres(15, wal_segment_mib=1)
    scene = make_scene(workplace, holdfast, server)
    receiver = scene.receive()
    server.execute("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots")
    receiver.wait_for_output("made again")
    assert server.value("SELECT count(*) FROM pg_replication_slots WHERE restart_lsn IS NOT NULL") == "1"
    eventually(lambda: not scene.status()["receiver"]["problem"], "the receiver to be content again")
    receiver.stop(code=0)
