"""A cluster is backed up while it is written to, and comes back as it was at every kind of target."""

# ctest also on: chaos

import signal

import pytest
from harness.postgres import MAJORS
from harness.process import eventually
from harness.protection import LOCAL, SQL, check_sound

SOURCES = [(major, method) for major, method in ((15, SQL), (17, LOCAL)) if major in MAJORS]


@pytest.fixture(scope="module", params=SOURCES, ids=lambda source: f"{source[0]}-{source[1]}")
def shop(protect_for_all, request):
    """A source that was backed up under load and written to afterwards; `targets` are moments of its later life."""
    made = protect_for_all(*request.param)
    made.leave_settings()
    made.server.pgbench_init()
    made.receive()
    load = made.load()
    made.before_backup = made.moment()
    made.backup()
    made.targets = [made.moment()]
    made.xid = made.write(1001)
    made.targets.append(made.moment())
    made.server.execute("SELECT pg_create_restore_point('before the mistake')")
    made.server.execute("DELETE FROM ledger WHERE id < 1020")
    made.targets.append(made.moment())
    made.write(2001)
    load.stop(signal.SIGINT)
    made.server.execute("CHECKPOINT")
    made.write(3001)
    made.targets.append(made.moment())
    made.wait_until_stored()
    return made


def test_all_there_is(shop):
    check_sound(shop.recovered("latest"), shop.targets[3].ledger, pgbench=True)


@pytest.mark.parametrize("words", [(), ("--exclusive",)], ids=["inclusive", "exclusive"])
def test_a_time(shop, words):
    for number in (0, 1, 2):
        moment = shop.targets[number]
        server = shop.recovered(f"time{number}{len(words)}", "--at", moment.time, *words)
        check_sound(server, moment.ledger, pgbench=True)


@pytest.mark.parametrize("words", [(), ("--exclusive",)], ids=["inclusive", "exclusive"])
def test_a_position(shop, words):
    moment = shop.targets[1]
    check_sound(shop.recovered(f"lsn{len(words)}", "--lsn", moment.lsn, *words), moment.ledger, pgbench=True)


def test_a_transaction(shop):
    check_sound(shop.recovered("xid", "--xid", shop.xid), shop.targets[1].ledger, pgbench=True)


def test_just_before_a_transaction(shop):
    check_sound(shop.recovered("no-xid", "--xid", shop.xid, "--exclusive"), shop.targets[0].ledger, pgbench=True)


def test_a_named_point(shop):
    check_sound(shop.recovered("name", "--name", "before the mistake"), shop.targets[1].ledger, pgbench=True)


def test_the_backup_alone(shop):
    check_sound(shop.recovered("immediate", "--immediate"), shop.before_backup.ledger, pgbench=True)


def test_pausing_leaves_the_copy_in_recovery(shop):
    moment = shop.targets[1]
    server = shop.server_on(shop.restore("pause", "--at", moment.time, "--action", "pause"))
    server.configure({"hot_standby": "off"})  # with which it would shut down instead
    server.start()
    eventually(lambda: server.value("SELECT pg_get_wal_replay_pause_state()") == "paused", "the pause at the target")
    assert server.value("SELECT count(*) FROM ledger") == moment.ledger[0]
    assert server.value("SELECT pg_is_in_recovery()") == "t"
    server.execute("SELECT pg_wal_replay_resume()")
    server.wait_until_promoted()
    check_sound(server, moment.ledger, pgbench=True)


def test_shutting_down_at_the_target(shop):
    server = shop.server_on(shop.restore("shutdown", "--at", shop.targets[1].time, "--action", "shutdown"))
    server.launch()
    server.process().wait(120)
    assert "shut down in recovery" in server.tool("pg_controldata", server.data).out


def test_the_source_is_whole_as_verify_sees_it(shop):
    shop.program.run("verify", "shop")


@pytest.mark.parametrize("major,method", [(15, LOCAL), (17, SQL)])
def test_the_other_way_of_reading(protect, major, method):
    shop = protect(major, method)
    shop.server.pgbench_init()
    load = shop.load()
    shop.receive()
    backup = shop.backup()
    assert backup["method"].startswith(method)
    load.stop(signal.SIGINT)
    shop.write(1001)
    moment = shop.moment()
    shop.wait_until_stored()
    check_sound(shop.recovered("latest"), moment.ledger, pgbench=True)
