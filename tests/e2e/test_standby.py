"""Backups from a standby: as sound as a primary's, also when nothing happens, and never a mixture of two timelines."""

import pytest
from harness.gate import FileGate
from harness.postgres import server_on
from harness.process import eventually
from harness.protection import LOCAL, SQL, check_sound, ledger_of, lsn_value


@pytest.fixture
def pair(protect):
    """pair(17, LOCAL): a protected source whose connection is a standby; what is written to it goes to its primary."""
    def make(major, method):
        shop = protect(major, method)
        shop.server.pgbench_init()
        copy = shop.workplace.path / "standby"
        shop.server.tool("pg_basebackup", "-D", copy, "-c", "fast", "-R", "-X", "stream")
        shop.standby = shop.start(server_on(shop.workplace, major, copy))
        primary = shop.server
        shop.point_at(shop.standby)
        shop.server = primary
        return shop
    return make


def catch_up(shop):
    """Until the standby has replayed what the primary has written, and a restartpoint."""
    shop.server.execute("CHECKPOINT")
    wanted = lsn_value(shop.server.lsn())
    eventually(lambda: lsn_value(shop.standby.value("SELECT pg_last_wal_replay_lsn()")) >= wanted, "the standby to catch up")
    shop.standby.execute("CHECKPOINT")


@pytest.mark.parametrize("major, method", [(13, LOCAL), (15, SQL), (17, LOCAL), (18, SQL)])
def test_a_backup_from_a_standby_under_load(pair, major, method):
    shop = pair(major, method)
    shop.receive()
    load = shop.load()
    first = shop.backup()
    assert first["warnings"] == []
    shop.write(1001)
    catch_up(shop)
    second = shop.backup("--require-incremental")
    assert second["changes_from"] == "wal"
    load.stop()
    shop.write(2001)
    shop.wait_until_stored()
    ledger = ledger_of(shop.server)
    check_sound(shop.recovered("latest"), ledger, pgbench=True)
    check_sound(shop.recovered("first", "--backup", first["id"], "--immediate"))
    check_sound(shop.recovered("second", "--backup", second["id"], "--immediate"))


def test_an_idle_primary_and_nobody_who_keeps_the_wal(pair):
    """Nothing switches the segment for the backup, and nothing is written that would fill it."""
    shop = pair(17, SQL)
    shop.write(1001)
    catch_up(shop)
    ledger = ledger_of(shop.server)
    first = shop.backup()
    check_sound(shop.recovered("first", "--backup", first["id"], "--immediate"), ledger)
    # No restartpoint since: the WAL in between is none that a backup could be built on.
    again = shop.backup(code=None)
    assert again["changes_from"] in ("reading", "wal")
    check_sound(shop.recovered("again", "--backup", again["id"]), ledger)


def test_a_promotion_meanwhile_ends_the_backup(pair):
    shop = pair(15, SQL)
    gate = FileGate(shop.workplace, shop.standby.data / "gate")
    running = shop.program.start("backup", "shop")
    eventually(gate.reached, "the backup to read the file")
    shop.standby.execute("SELECT pg_promote()")
    shop.standby.wait_until_promoted()
    gate.open()
    result = running.wait()
    assert result.code == 4 and "promoted during the backup" in result.err, result
    assert shop.program.run("list", "shop", "--json").json() == []
