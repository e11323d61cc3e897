"""Restoring into the stopped cluster's own directory: only what differs is written, and nothing of value is lost."""

import itertools
import os
import shutil
import signal
import time

import pytest
from harness.process import eventually, run
from harness.protection import LOCAL, SQL, check_sound, ledger_of


def filled(protect, major, method=LOCAL):
    """A source with a table of some megabytes that rests, and a tablespace."""
    shop = protect(major, method, prepare=lambda server: None)
    folder = shop.workplace.folder("elsewhere")
    shop.server.execute(f"CREATE TABLESPACE elsewhere LOCATION '{folder}'")
    shop.server.execute("CREATE TABLE large TABLESPACE elsewhere AS SELECT i, repeat('x', 900) AS text FROM generate_series(1, 20000) AS i")
    shop.server.execute("VACUUM FREEZE large")
    shop.write(1001)
    return shop


def in_place(shop, *arguments, code=0):
    return shop.program.json("restore", "shop", "--to", shop.server.data, "--in-place", "--replaces-source", *arguments, code=code)


def refused(shop, says, to=None, arguments=("--in-place", "--replaces-source"), code=4):
    """Before anything was changed."""
    to = to or shop.server.data
    before = sorted(path.name for path in to.rglob("*"))
    result = shop.program.run("restore", "shop", "--to", to, *arguments, code=code)
    assert says in result.err, result
    assert sorted(path.name for path in to.rglob("*")) == before


def go_on(shop, ledger):
    server = shop.server_on(shop.server.data)
    server.start().wait_until_promoted()
    assert server.value("SELECT count(*) FROM large WHERE text = repeat('x', 900)") == "20000"
    check_sound(server, ledger)


@pytest.mark.parametrize("major, method", [(15, SQL), (17, LOCAL)])
def test_a_mistake_is_undone_by_writing_what_differs(protect, major, method):
    shop = filled(protect, major, method)
    shop.receive()
    shop.backup()
    shop.write(2001)
    moment = shop.moment()
    shop.server.execute("DELETE FROM ledger WHERE id % 2 = 0; CREATE TABLE later AS SELECT 1; CREATE DATABASE more")
    shop.server.execute("UPDATE large SET text = 'gone' WHERE i % 1000 = 0; CHECKPOINT")
    shop.wait_until_stored()
    shop.stop_receiving()
    shop.server.stop()
    # What somebody left, and what a broken disk did.
    (shop.server.data / "base" / "note.txt").write_text("remember the milk")
    other = shop.workplace.path / "elsewhere" / "PG_9.6_201608131"
    other.mkdir()
    xact = shop.server.data / "pg_xact" / "0000"
    xact.write_bytes(bytes(100))
    planned = in_place(shop, "--at", moment.time, "--dry-run")
    assert planned["in_place"] and planned["removed"] > 0 and planned["unarchived_wal"] == []
    assert str(shop.server.data / "base" / "note.txt") in planned["removed_first"]
    assert xact.stat().st_size == 100
    done = in_place(shop, "--at", moment.time)
    assert done["bytes_written"] * 4 < done["bytes_kept"] and done["files"] == planned["files"]
    assert not (shop.server.data / "base" / "note.txt").exists()
    assert other.exists()  # another cluster's, for all that is known
    go_on(shop, moment.ledger)


def test_an_interrupted_one_cannot_start_and_is_gone_on_with(protect):
    shop = filled(protect, 17)
    shop.receive()
    shop.backup()
    shop.write(2001)
    ledger = ledger_of(shop.server)
    shop.server.execute("UPDATE large SET text = 'gone'; CHECKPOINT")
    shop.server.execute("UPDATE large SET text = repeat('x', 900)")
    shop.wait_until_stored()
    shop.stop_receiving()
    shop.server.stop()
    hundredths = itertools.count(2, 3)
    while (shop.server.data / "global" / "pg_control").exists():
        run = shop.program.start("restore", "shop", "--to", shop.server.data, "--in-place", "--replaces-source")
        time.sleep(next(hundredths) / 100)
        assert run.running(), "it was over before it was interrupted"
        run.stop(signal.SIGKILL, code=-signal.SIGKILL)
    assert "pg_control" in shop.server.tool("pg_controldata", shop.server.data, code=1).err
    refused(shop, "restore in place", arguments=())
    in_place(shop)
    go_on(shop, ledger)


def test_wal_that_is_in_no_archive_is_put_aside_and_can_be_brought_in(protect):
    shop = filled(protect, 17)
    shop.receive()
    shop.backup()
    shop.write(2001)
    shop.wait_until_stored()
    before = ledger_of(shop.server)
    shop.stop_receiving()
    shop.write(3001)
    shop.server.switch_wal()
    shop.server.execute("VACUUM FULL large")  # full page images
    shop.server.switch_wal()
    shop.write(4001)
    after = ledger_of(shop.server)
    shop.server.stop()
    planned = in_place(shop, "--dry-run", code=1)
    assert len(planned["unarchived_wal"]) >= 2 and "wal push" in " ".join(planned["warnings"])
    # A segment of nothing but full page images is one, too, and so is a quiet one in front of others.
    for name in planned["unarchived_wal"]:
        assert (shop.server.data / "pg_wal" / name).exists()
    done = in_place(shop, code=1)
    kept = shop.server.data / "pg_wal" / "before-restore"
    assert set(planned["unarchived_wal"]) <= {path.name for path in kept.iterdir()}
    assert str(kept.parent) in " ".join(done["warnings"])
    # It is told of as long as it is nowhere else.
    again = in_place(shop, "--dry-run", code=1)
    assert again["unarchived_wal"] == [f"before-restore/{name}" for name in planned["unarchived_wal"]]
    for name in planned["unarchived_wal"]:
        shop.program.run("wal", "push", "--source", "shop", kept / name)
    in_place(shop)
    assert before != after
    go_on(shop, after)


def test_what_is_not_this_cluster_stopped_is_refused(protect, postgres, workplace):
    shop = filled(protect, 17)
    shop.backup()
    control = shop.server.data / "global" / "pg_control"
    contents = control.read_bytes()
    running = shop.program.run("restore", "shop", "--to", shop.server.data, "--in-place", code=4)
    assert "postmaster.pid" in running.err
    shop.server.stop()
    # As a container that was killed leaves it: its processes cannot be seen from here.
    (shop.server.data / "postmaster.pid").write_text("999999\n")
    refused(shop, "postmaster.pid")
    (shop.server.data / "postmaster.pid").unlink()
    # Without the word it is a directory that is not empty.
    refused(shop, "not empty", arguments=())
    # A copy of the directory has links into the source.
    refused(shop, "may belong to the running source", arguments=["--in-place"])
    control.write_bytes(os.urandom(len(contents)))
    refused(shop, "sound global/pg_control")
    control.write_bytes(contents)
    other = postgres(17)
    other.stop()
    refused(shop, "another cluster", to=other.data)
    home = workplace.folder("home")
    (home / "precious").write_text("x")
    refused(shop, "not a PostgreSQL cluster", to=home)


def test_what_must_not_be_cleared_away_is_refused(protect):
    shop = filled(protect, 17)
    shop.backup()
    folder = shop.workplace.folder("later")
    shop.server.execute(f"CREATE TABLESPACE later LOCATION '{folder}'")
    shop.server.stop()
    refused(shop, "a tablespace that the backup does not have")
    for link in (shop.server.data / "pg_tblspc").iterdir():
        if str(link.readlink()) == str(folder):
            link.unlink()
    inside = shop.server.data / "main.key"
    shop.program.config.write_text(shop.program.config.read_text().replace(
        f'key_file = "{shop.workplace.path}/main.key"', f'key_file = "{inside}"'))
    (shop.workplace.path / "main.key").rename(inside)
    refused(shop, f"{inside} lies in")


def test_files_that_even_their_owner_may_only_read(protect):
    shop = filled(protect, 17)
    key = shop.server.data / "server.key"
    key.write_text("secret of the server")
    shutil.chown(key, "postgres", "postgres")
    key.chmod(0o400)
    shop.backup()
    shop.server.stop()
    in_place(shop, "--immediate")
    assert key.read_text() == "secret of the server" and key.stat().st_mode & 0o777 == 0o400


def by_history(shop, *arguments, code=0):
    """Restored in place to the latest moment, which the WAL of the source itself leads to."""
    shop.wait_until_stored()
    shop.stop_receiving()
    shop.server.stop()
    return in_place(shop, "--trust-history", *arguments, code=code)


@pytest.mark.parametrize("major", [15, 17])
def test_a_known_history_is_not_read_again(protect, major):
    shop = filled(protect, major)
    shop.receive()
    shop.backup()
    shop.write(2001)
    moment = shop.moment()
    shop.server.execute("UPDATE large SET text = 'gone' WHERE i % 1000 = 0; CREATE TABLE later AS SELECT 1; DELETE FROM ledger")
    shop.server.execute("CREATE DATABASE more; TRUNCATE ledger; VACUUM large; CHECKPOINT")
    unread = shop.server.data / shop.server.value("SELECT pg_relation_filepath('large')")
    done = by_history(shop, "--at", moment.time)
    assert done["history_trusted"] and done["warnings"] == [], done
    assert unread.stat().st_size > 2**20
    shop.server.tool("pg_verifybackup", "-n", shop.server.data)
    go_on(shop, moment.ledger)


def test_a_page_that_no_record_names_stays_as_it_is(protect):
    """So it shows that it was not read; and without trust it is mended."""
    shop = filled(protect, 17)
    shop.receive()
    shop.backup()
    shop.server.execute("CHECKPOINT")
    path = shop.server.data / shop.server.value("SELECT pg_relation_filepath('large')")
    shop.wait_until_stored()
    shop.stop_receiving()
    shop.server.stop()
    whole = path.read_bytes()
    path.write_bytes(whole[:8192 * 3] + bytes(8192) + whole[8192 * 4:])
    spoilt = path.read_bytes()
    assert in_place(shop, "--immediate", "--trust-history")["history_trusted"]
    assert path.read_bytes() == spoilt
    assert not in_place(shop, "--immediate")["history_trusted"]
    assert path.read_bytes() == whole


def test_hint_bits_that_no_wal_tells_of_are_never_trusted(protect):
    """A row's hint says that its transaction was committed or not, also of one behind the target."""
    shop = protect(17, LOCAL, prepare=lambda server: None)
    shop.server.stop()
    shop.server.tool("pg_checksums", "--disable", "-D", shop.server.data)
    shop.start(shop.server)
    shop.server.execute("CREATE TABLE hinted AS SELECT generate_series(1, 1000) AS i; CHECKPOINT")
    shop.receive()
    shop.backup("--full")
    moment = shop.moment()
    shop.server.execute("SELECT count(*) FROM hinted; CHECKPOINT")
    shop.write(2001)
    done = by_history(shop, "--at", moment.time, code=1)
    assert not done["history_trusted"]
    assert any("hint bits" in warning for warning in done["warnings"]), done
    server = shop.server_on(shop.server.data)
    server.start().wait_until_promoted()
    assert server.value("SELECT count(*) FROM hinted") == "1000"


def test_a_standby_that_took_over_is_not_trusted(protect):
    """It writes hint bits, as a standby, into pages that it dirtied before the backup began, and no WAL tells."""
    shop = protect(17, LOCAL, prepare=lambda server: None)
    shop.receive()
    first = shop.backup()["id"]
    shop.server.execute("CREATE TABLE late AS SELECT generate_series(1, 1000) AS i")
    shop.wait_until_stored()
    standby = shop.server_on(shop.restore("standby", "--backup", first, "--replaces-source"))
    (standby.data / "recovery.signal").rename(standby.data / "standby.signal")
    shop.start(standby)
    second = shop.backup()["id"]
    moment = shop.moment()
    shop.server.execute("DELETE FROM late WHERE i % 2 = 0")
    shop.server.execute("SELECT pg_switch_wal()")
    target = shop.server.lsn()
    shop.wait_until_stored()
    eventually(lambda: standby.value(f"SELECT pg_last_wal_replay_lsn() >= '{target}'") == "t", "the standby to follow")
    assert standby.value("SELECT count(*) FROM late") == "500"  # hint bits
    standby.execute("SELECT pg_promote()")
    standby.wait_until_promoted()
    shop.stop_receiving()
    standby.stop()
    shop.server.stop()
    done = shop.program.json("restore", "shop", "--to", standby.data, "--in-place", "--trust-history", "--backup", second,
                             "--timeline", "1", "--at", moment.time, code=1)
    assert not done["history_trusted"], done
    assert any("was a standby" in warning for warning in done["warnings"]), "\n".join(done["warnings"])
    server = shop.server_on(standby.data)
    server.start().wait_until_promoted()
    assert server.value("SELECT count(*) FROM late") == "1000"


def test_what_is_not_known_is_read(protect):
    shop = filled(protect, 17)
    shop.receive()
    shop.backup()
    shop.write(2001)
    shop.server.execute("CHECKPOINT")
    shop.wait_until_stored()
    shop.stop_receiving()
    data = shop.server.data
    shop.server.stop()
    aside = shop.workplace.path / "aside"

    def why(says, spoil):
        """What is said of a copy that was spoilt; the cluster is as it was afterwards."""
        run("cp", "-a", data, aside)
        spoil()
        done = in_place(shop, "--immediate", "--trust-history", code=1)
        assert not done["history_trusted"] and any(says in warning for warning in done["warnings"]), done
        shutil.rmtree(data)
        aside.rename(data)

    def unsafe():
        (data / "postmaster.opts").unlink()  # in which these tests say fsync=on
        with open(data / "postgresql.auto.conf", "a", encoding="utf-8") as settings:
            settings.write("fsync = off\n")

    def without_wal():
        for path in (data / "pg_wal").iterdir():
            if len(path.name) == 24:
                path.unlink()

    def at_start():
        with open(data / "postmaster.opts", "a", encoding="utf-8") as options:
            options.write('"-c" "fsync=off"\n')

    def elsewhere():
        (data / "postmaster.opts").unlink()
        (data / "postgresql.conf").rename(shop.workplace.path / "elsewhere.conf")

    why("fsync = off", unsafe)
    why("fsync = off", at_start)
    why("is not there", elsewhere)
    why("without all that the backup had", lambda: (data / "holdfast.lost").touch())
    why("cannot be followed", without_wal)
    why("not shut down cleanly", lambda: set_state(data / "global" / "pg_control", 6))


def set_state(path, state):
    """pg_control with another state, under a CRC that is right."""
    content = bytearray(path.read_bytes())
    content[16:20] = state.to_bytes(4, "little")
    size = 288
    content[size:size + 4] = crc32c(content[:size]).to_bytes(4, "little")
    path.write_bytes(content)


def crc32c(content):
    crc = 0xFFFFFFFF
    for byte in content:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF
