"""kill -9 at random moments: nothing that was listed is lost, nothing half-made is listed, and the next run works."""

import time

import pytest
from harness.scene import make_scene, seeded

KILLS = 20


@pytest.fixture
def scene(workplace, holdfast, postgres, place):
    server = postgres(15, wal_segment_mib=1, settings={"max_wal_size": "64MB", "wal_keep_size": "256MB"})
    server.pgbench_init(1)
    return make_scene(workplace, holdfast, server, place=place, repository_settings='pack_size = "1MiB"',
                      source_settings='tail_interval = "100ms"')


def killed_somewhere(rng, longest, start):
    """Starts a command, kills it within `longest` seconds; whether it was still running then."""
    process = start()
    time.sleep(rng.uniform(0.0, longest))
    alive = process.running()
    result = process.kill()
    assert alive or result.code in (0, 1), result
    return alive


def took(action):
    begun = time.monotonic()
    action()
    return time.monotonic() - begun


def rows_restored(scene, postgres_on, *arguments):
    """What recovery of a restore ends with."""
    server = postgres_on(15, scene.restore(*arguments)).start()
    server.wait_until_promoted()
    history, total = server.rows("SELECT count(*), (SELECT sum(tbalance) FROM pgbench_tellers) FROM pgbench_history")[0]
    balance = server.value("SELECT coalesce(sum(delta), 0) FROM pgbench_history")
    server.stop("fast")
    assert balance == total
    return int(history)


def test_a_killed_backup_is_no_backup_and_harms_none(scene, postgres_on):
    rng = seeded()
    longest = took(scene.backup)
    load = scene.server.pgbench_background("-c1", "-R50")
    killed = 0
    for _ in range(KILLS):
        listed = scene.backups()
        full = ["--full"] if rng.random() < 0.5 else []
        killed += killed_somewhere(rng, longest, lambda: scene.program.start("backup", "shop", *full))
        now = scene.backups()
        assert now[:len(listed)] == listed or set(listed) <= set(now)
        assert scene.verify()["damages"] == []
    assert killed >= KILLS // 4
    load.stop()
    last = scene.backup()["id"]
    assert last in scene.backups()
    assert scene.verify()["damages"] == []
    for backup in scene.backups():
        folder = scene.restore("--backup", backup, "--immediate")
        scene.server.tool("pg_verifybackup", folder, "--no-parse-wal")
    assert rows_restored(scene, postgres_on) == int(scene.server.value("SELECT count(*) FROM pgbench_history"))


def test_a_killed_restore_cannot_start_and_can_be_repeated(scene, postgres_on):
    rng = seeded()
    scene.backup()
    whole = scene.new_folder()
    longest = took(lambda: scene.restore(to=whole))
    killed = 0
    for _ in range(KILLS):
        folder = scene.new_folder()
        if killed_somewhere(rng, longest, lambda: scene.program.start("restore", "shop", "--to", folder)):
            killed += 1
            finished = (folder / "global" / "pg_control").exists()
            # A finished one is complete, whenever it was killed; any other must not look like a cluster.
            if not finished:
                scene.restore(to=folder)
        scene.server.tool("pg_verifybackup", folder, "--no-parse-wal")
    assert killed >= KILLS // 4
    assert scene.verify()["damages"] == []
    server = postgres_on(15, folder).start()
    server.wait_until_promoted()
    assert server.value("SELECT count(*) FROM pgbench_accounts") == "100000"


def test_a_killed_receiver_goes_on_without_a_hole(scene, postgres_on):
    rng = seeded()
    scene.backup()
    load = scene.server.pgbench_background("-c2")
    killed = 0
    for _ in range(KILLS):
        killed += killed_somewhere(rng, 1.5, lambda: scene.program.start("wal", "stream", "shop"))
        status = scene.status()
        assert [t["gaps"] for s in status["systems"] for t in s["timelines"]] == [[]]
    assert killed == KILLS
    receiver = scene.program.start("wal", "stream", "shop")
    load.stop()
    history = int(scene.server.value("SELECT count(*) FROM pgbench_history"))
    end = scene.server.lsn()
    scene.server.switch_wal()
    scene.wait_until_stored(end)
    assert scene.status()["problems"] == []
    receiver.stop(code=0)
    assert scene.compare_archive() > 3
    assert scene.verify()["damages"] == []
    assert rows_restored(scene, postgres_on) == history
