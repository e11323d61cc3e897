"""What a restore refuses and says then, what an interrupted one leaves, and what damage on the source comes to."""

import os
import re
import signal

import pytest
from harness.process import eventually
from harness.protection import check_sound


@pytest.fixture(scope="module")
def shop(protect_for_all):
    made = protect_for_all(15)
    made.server.pgbench_init()
    made.receive()
    made.early = made.moment()
    made.backup()
    made.write(1001)
    made.later = made.moment()
    made.write(2001)
    made.latest = made.moment()
    made.wait_until_stored()
    return made


def refused(shop, *words, code):
    to = shop.workplace.path / "never"
    err = shop.program.run("restore", "shop", "--to", to, *words, code=code).err
    assert not to.exists()
    return err


def test_a_time_before_the_first_backup(shop):
    err = refused(shop, "--at", shop.early.time, code=3)
    assert "the earliest time within reach" in err and shop.early.time[:10] in err


def test_a_time_after_the_archive(shop):
    err = refused(shop, "--at", "2099-01-01T00:00:00Z", code=3)
    assert "the earliest time" in err and "the latest" in err


def test_the_times_that_are_named_are_within_reach(shop):
    """As they are printed, whatever zone the configuration names."""
    for zone in ("UTC", "Asia/Tokyo"):
        words, in_zone = ("--to", shop.workplace.path / "never", "--dry-run"), {"HOLDFAST_TIMEZONE": zone}
        early = shop.program.run("restore", "shop", *words, "--at", shop.early.time, env=in_zone, code=3).err
        late = [shop.program.run("restore", "shop", *words, *target, env=in_zone, code=3).err
                for target in (("--at", "2099-01-01T00:00:00Z"), ("--xid", "4000000"), ("--name", "nobody"), ("--lsn", "FF/0"))]
        times = [re.search(r"the earliest time within reach is (.*) \(backup", early).group(1)]
        for err in late:
            times += [re.search(r"earliest time within reach of backup \S+ is (.*)", err).group(1), re.search(r"the latest is (.*?): ", err).group(1)]
        status = shop.program.run("status", "shop", env=in_zone, code=None).out
        times += re.search(r"recoverable from (.*) to (.*) \(", status).groups()
        for at in times:
            shop.program.run("restore", "shop", *words, "--at", at, env=in_zone)


@pytest.mark.parametrize("words", [("--xid", "4000000"), ("--name", "nobody"), ("--lsn", "FF/0"),
                                   ("--backup", "20200101T000000Z-0000")])
def test_a_target_that_is_nowhere(shop, words):
    assert refused(shop, *words, code=3)


def test_a_directory_that_is_taken(shop):
    taken = shop.workplace.folder("taken")
    (taken / "mine").write_text("keep me")
    shop.program.run("restore", "shop", "--to", taken, code=4)
    assert [entry.name for entry in taken.iterdir()] == ["mine"]


def test_the_directory_of_a_running_server(shop):
    assert "running" in shop.program.run("restore", "shop", "--to", shop.server.data, code=4).err
    assert shop.server.value("SELECT 1") == "1"


def test_a_place_inside_a_cluster_or_the_repository(shop):
    """What is restored there would be in the next backup, or in the way of what prune deletes."""
    data, repository = shop.server.data, shop.place.path
    link = shop.workplace.path / "link-to-the-source"
    link.symlink_to(data)
    for place in (data / "restored", link / "sub", f"/proc/self/root{data}/new", data / "base" / "deep", data / "pg_wal" / "deep"):
        err = shop.program.run("restore", "shop", "--to", place, code=4).err
        assert "lies inside the PostgreSQL data directory" in err and "hint: " in err
        for format in ("directory", "tar"):
            shop.program.run("export", "shop/latest", "--format", format, "--to", place, code=4)
    for place in (repository / "inside", repository / "packs" / "restored", shop.workplace.path / "state" / "restored"):
        assert "which holdfast uses itself" in shop.program.run("restore", "shop", "--to", place, code=4).err
        shop.program.run("export", "shop/latest", "--format", "directory", "--to", place, code=4)
        assert not place.exists()
    assert not [path for path in data.rglob("*") if path.name in ("restored", "sub", "new", "deep")]


def test_a_restore_that_is_killed_can_be_repeated(shop):
    to = shop.workplace.path / "killed"
    killed = 0
    for mark in ("base", "PG_VERSION", "backup_label", "recovery.signal"):
        before = changed_at(to / mark)
        process = shop.program.start("restore", "shop", "--to", to, "--at", shop.later.time)
        eventually(lambda: changed_at(to / mark) not in (None, before) or not process.running(), f"the restore of {mark}")
        process.send(signal.SIGSTOP)
        if (to / "global" / "pg_control").exists():  # it was quicker than we
            process.kill()
            break
        for words in ((), ("--dry-run",)):
            second = shop.program.run("restore", "shop", "--to", to, *words, code=4)
            assert "another restore" in second.err and "hint: wait for it" in second.err
        process.kill()
        killed += 1
        start = shop.server.tool("postgres", "-D", to, "-c", f"unix_socket_directories={shop.workplace.path}", code=None)
        assert start.code != 0 and ("pg_control" in start.err or "postgresql.conf" in start.err)
    assert killed >= 2
    if (to / "global" / "pg_control").exists():
        to = shop.workplace.path / "quick"
    server = shop.recovered(to.name, "--at", shop.later.time)
    check_sound(server, shop.later.ledger, pgbench=True)


def changed_at(path):
    """Differs from what it was once the path is made anew; None when it is not there."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_ctime_ns


def test_a_damaged_page_is_named_and_the_backup_made(protect):
    shop = protect(15)
    shop.receive()
    shop.server.execute("CREATE TABLE hurt AS SELECT i, repeat('x', 500) AS text FROM generate_series(1, 200) AS i")
    file = shop.server.value("SELECT pg_relation_filepath('hurt')")
    shop.wait_until_stored()
    shop.stop_receiving()
    shop.server.stop()
    with open(shop.server.data / file, "r+b") as damaged:
        damaged.seek(3 * 8192 + 5000)
        damaged.write(os.urandom(64))
    shop.start(shop.server)
    shop.receive()
    backup = shop.backup(code=1)
    assert backup["bad_pages"] == [{"path": file, "block": 3}]
    assert any(file in warning and "3" in warning for warning in backup["warnings"])
    assert f"{file} block 3" in shop.program.run("show", "shop/latest").out
    to = shop.restore("copy", code=1)
    assert (to / file).read_bytes() == (shop.server.data / file).read_bytes()
