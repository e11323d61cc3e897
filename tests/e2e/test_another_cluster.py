"""A source whose connection leads to another cluster, by mistake or after pg_upgrade: the two are not mixed up."""

from harness.protection import ledger_of


def test_another_cluster_is_refused_until_it_is_said_and_each_time_finds_its_own(protect, postgres):
    shop = protect(17)
    shop.receive()
    old = shop.backup()
    shop.write(1001)
    then = shop.moment()
    shop.write(2001)
    shop.wait_until_stored()
    shop.stop_receiving()

    first = shop.server
    other = postgres(17, "upgraded")
    other.stop()
    shop.point_at(shop.start(other))
    for words in ((), ("--full",)):
        refused = shop.program.run("backup", "shop", *words, code=4).err
        assert "--new-cluster" in refused and old["id"] in refused and "checkpoint" not in refused
    assert len(shop.program.json("list", "shop")) == 1
    shop.server.execute("CREATE TABLE ledger (id int PRIMARY KEY, text text)")
    new = shop.backup("--new-cluster")
    shop.write(5001)
    again = shop.backup()

    latest = shop.program.run("restore", "shop", "--to", shop.workplace.path / "never", "--dry-run")
    assert "more than one cluster" in latest.err and again["id"] in latest.out
    at = shop.program.run("restore", "shop", "--to", shop.workplace.path / "never", "--dry-run", "--at", then.time, code=1)
    assert old["id"] in at.out and f"{first.value('SELECT system_identifier FROM pg_control_system()')}, PostgreSQL 17" in at.out
    early = shop.program.run("restore", "shop", "--to", shop.workplace.path / "never", "--at", "2020-01-01", code=3).err
    assert old["id"] in early and new["id"] not in early
    copy = shop.server_on(shop.restore("copy", "--at", then.time, code=1))
    copy.start().wait_until_promoted()
    assert ledger_of(copy) == then.ledger

    # Back by mistake: the newest backup says what the source is.
    shop.point_at(first)
    shop.program.run("backup", "shop", code=4)


def test_a_server_that_lets_nobody_in_is_not_said_to_begin(protect):
    shop = protect(17)
    shop.server.stop()
    failed = shop.program.run("backup", "shop", code=5)
    assert "checkpoint" not in failed.err
