"""Backups that read only what the WAL names: nothing is missed, and what cannot be known is seen and said."""

import os
import secrets

import pytest
from harness.operations import Operations
from harness.process import eventually, run
from harness.protection import LOCAL, SQL, check_sound, ledger_of

# Nothing may change pages on disk behind a backup's back: they are compared with it afterwards.
QUIET = {"autovacuum": "off", "bgwriter_lru_maxpages": 0, "checkpoint_timeout": "1h", "max_prepared_transactions": 5,
         "max_wal_size": "8GB"}
# A run by hand takes more: HOLDFAST_STEPS.
STEPS = int(os.environ.get("HOLDFAST_STEPS", "12"))
SEED = int(os.environ.get("HOLDFAST_SEED", secrets.randbelow(1 << 32)))


def protected(protect, major, method, **options):
    return protect(major, method, settings=QUIET, prepare=lambda server: None, **options)


def make_tablespace(shop):
    folder = shop.workplace.folder("elsewhere")
    shop.server.execute(f"CREATE TABLESPACE elsewhere LOCATION '{folder}'")


def pages_of(file):
    contents = file.read_bytes()
    return [contents[start:start + 8192] for start in range(0, len(contents), 8192)]


def relation_files(data):
    """Paths of all relation files, tablespaces included."""
    folders = [data / "base", data / "global", data / "pg_tblspc"]
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file() and number_of(path).isdigit():
                yield path.relative_to(data)


def bytes_that_differ(page, other):
    places = [place for place, (a, b) in enumerate(zip(page, other)) if a != b]
    return f"{len(places)} bytes from {places[0]}: {page[places[0]:][:16].hex()} instead of {other[places[0]:][:16].hex()}"


def number_of(path):
    return path.name.split(".")[0].split("_")[0]


def name_of(shop, path):
    """What the relation is called, for people."""
    return shop.server.rows(f"SELECT relname FROM pg_class WHERE pg_relation_filenode(oid) = {number_of(path)}")


def remembers_unlogged(shop):
    """SP-GiST indexes: on their first page they note, without WAL and only to be quicker, where there was room."""
    return {row[0] for row in shop.server.rows("""
        SELECT pg_relation_filenode(c.oid) FROM pg_class AS c JOIN pg_am AS am ON am.oid = c.relam WHERE amname = 'spgist'""")}


def restored_pages_differ(shop, backup, name):
    """Which pages of a restored backup are not as they lie on the server's disk."""
    to = shop.workplace.path / name
    moved = [word for space in backup["tablespaces"] for word in ("--tablespace", f"{space['name']}={to}-{space['oid']}")]
    shop.program.run("restore", "shop", "--to", to, "--immediate", "--backup", backup["id"], *moved)
    differ, noting = [], remembers_unlogged(shop)
    for path in sorted(relation_files(to)):
        theirs = pages_of(to / path)
        # A dropped relation's first file stays, empty, until a checkpoint that began later.
        ours = pages_of(shop.server.data / path) if (shop.server.data / path).exists() else []
        if len(theirs) != len(ours):
            differ.append((path, f"{len(theirs)} pages instead of {len(ours)}"))
        differ += [(path, block, bytes_that_differ(a, b)) for block, (a, b) in enumerate(zip(theirs, ours))
                   if a != b and not (block == 0 and number_of(path) in noting)]
    return to, differ


def cross_check(shop, to):
    server = shop.server_on(to)
    server.start().wait_until_promoted()
    server.execute("CREATE EXTENSION IF NOT EXISTS pg_visibility")
    wrong = server.rows("""
        SELECT c.oid::regclass, v.t_ctid FROM pg_class AS c, LATERAL pg_check_visible(c.oid) AS v
          WHERE c.relkind IN ('r', 'm', 't') AND c.relpersistence = 'p'
        UNION ALL
        SELECT c.oid::regclass, v.t_ctid FROM pg_class AS c, LATERAL pg_check_frozen(c.oid) AS v
          WHERE c.relkind IN ('r', 'm', 't') AND c.relpersistence = 'p'""")
    assert wrong == []
    check_sound(server)


@pytest.mark.parametrize("major, method", [(15, SQL), (17, LOCAL)])
def test_whatever_happens_is_seen(protect, major, method):
    print(f"HOLDFAST_SEED={SEED}")
    shop = protected(protect, major, method)
    make_tablespace(shop)
    operations = Operations(shop.server, SEED, shop.start)
    operations.prepare()
    shop.receive()
    shop.backup()
    for step in range(STEPS):
        names = [operations.step() for _ in range(operations.random.randint(1, 3))]
        shop.server.execute("CHECKPOINT")
        audits = step % 4 == 3
        backup = shop.backup("--require-incremental", *(["--audit"] if audits else []))
        assert backup["changes_from"] == ("reading" if audits else "wal")
        assert not audits or backup["audit"]["pages_missed"] == 0, (step, names, backup["audit"])
        to, differ = restored_pages_differ(shop, backup, f"step-{step}")
        assert not differ, (step, names, differ[:10], [name_of(shop, found[0]) for found in differ[:10]])
        if step == STEPS - 1 or step % 50 == 49:
            cross_check(shop, to)
        shop.program.run("forget", backup["parent"])
    print(sorted(operations.done))


# ---- what cannot be known is seen, said, and read


@pytest.fixture
def shop(protect):
    return protected(protect, 17, LOCAL)


def check_all_was_read(shop, why, code=1):
    """Everything is read and compared, and says so; whoever asks for less than that gets nothing."""
    refused = shop.program.run("backup", "shop", "--require-incremental", code=4)
    assert why in refused.err
    backup = shop.backup(code=code)
    assert backup["changes_from"] == "reading" and why in backup["why_all_read"]
    assert bool([warning for warning in backup["warnings"] if why in warning]) == (code == 1)
    return backup


def test_the_first_one_and_a_full_one_build_on_nothing(shop):
    shop.program.run("backup", "shop", "--require-incremental", code=4)
    assert shop.backup()["changes_from"] == "nothing"
    assert shop.backup("--full")["changes_from"] == "nothing"
    shop.program.run("backup", "shop", "--full", "--require-incremental", code=2)


def test_a_little_change_costs_a_little(shop):
    shop.server.execute("CREATE TABLE large AS SELECT i, repeat('x', 900) AS text FROM generate_series(1, 40000) AS i")
    shop.server.execute("VACUUM FREEZE large")  # or the update would set hint bits on every page
    shop.receive()
    first = shop.backup()
    shop.server.execute("UPDATE large SET text = 'y' WHERE i = 77")
    second = shop.backup("--require-incremental")
    assert second["changes_from"] == "wal"
    assert second["pages"] >= first["pages"]
    # What is left are files without pages, the maps, and pages that changed.
    assert second["bytes_read"] < first["bytes_read"] / 8


def test_an_audit_reads_all_and_finds_nothing_missed(shop):
    assert shop.backup("--audit")["audit"] is None
    shop.receive()
    for number in range(3):
        shop.write(1001 + 100 * number)
        backup = shop.backup("--audit")
        assert backup["changes_from"] == "reading" and backup["why_all_read"] == "an audit was asked for"
        assert backup["audit"]["pages_missed"] == 0
        assert backup["bytes_read"] + 8192 >= backup["bytes_source"]  # pg_control is not counted
    shop.program.run("backup", "shop", "--full", "--audit", code=2)


def test_an_audit_finds_a_page_that_changed_behind_the_wal(shop):
    shop.receive()
    shop.server.execute("CREATE TABLE large AS SELECT i, repeat('x', 900) AS text FROM generate_series(1, 1000) AS i")
    shop.server.execute("VACUUM FREEZE large")
    shop.backup()
    shop.server.execute("UPDATE large SET text = 'y' WHERE i = 1")
    shop.server.execute("CHECKPOINT")
    path = shop.server.data / shop.server.value("SELECT pg_relation_filepath('large')")
    shop.stop_receiving()
    shop.server.stop()
    # What no server does: page 5 becomes what the changed page 0 is.
    with path.open("r+b") as file:
        page = file.read(8192)
        file.seek(5 * 8192)
        file.write(page)
    shop.start(shop.server)
    backup = shop.backup("--audit", code=1)
    audit = backup["audit"]
    assert audit["pages_missed"] == 1 and audit["missed"] == [{"path": str(path.relative_to(shop.server.data)), "block": 5}]
    assert f"page 5 of {path.relative_to(shop.server.data)}" in "".join(backup["warnings"])
    assert f"{path.relative_to(shop.server.data)} block 5" in shop.program.run("show", backup["id"]).out


def test_nobody_keeps_the_wal_between_two_backups(shop):
    shop.backup()
    shop.write(1001)
    # It is on the server still.
    assert shop.backup("--require-incremental")["changes_from"] == "wal"
    for number in range(3):
        shop.server.switch_wal()
        shop.write(2001 + 100 * number)
        shop.server.execute("CHECKPOINT")
    backup = check_all_was_read(shop, "neither in the archive nor on the server", code=0)
    to = shop.restore("restored", "--backup", backup["id"], "--immediate")
    check_sound_after_start(shop, to)


def check_sound_after_start(shop, to):
    server = shop.server_on(to)
    server.start().wait_until_promoted()
    check_sound(server)


def test_a_hole_in_the_archive(shop):
    shop.receive()
    shop.backup()
    shop.write(501)  # or there is nothing to switch away from
    lost = shop.server.switch_wal()
    shop.write(1001)
    shop.server.switch_wal()
    shop.write(2001)
    shop.wait_until_stored()
    eventually(lambda: any(lost in name for name in shop.place.names("wal-summary/")), "the summary, which comes last")
    for name in shop.place.names():
        if lost in name:
            (shop.place.path / name).unlink()
    (shop.server.data / "pg_wal" / lost).unlink(missing_ok=True)
    check_all_was_read(shop, lost)


def test_a_time_of_minimal_wal(shop):
    shop.backup()
    # Nobody archives it: the server has it still.
    shop.server.configure({"wal_level": "minimal", "max_wal_senders": 0, "wal_keep_size": "1GB"})
    shop.server.stop()
    shop.start(shop.server)
    shop.server.execute("BEGIN; CREATE TABLE unlogged_copy AS SELECT * FROM ledger; COMMIT")
    shop.server.configure({"wal_level": "replica", "max_wal_senders": 5})
    shop.server.stop()
    shop.start(shop.server)
    check_all_was_read(shop, "wal_level = minimal")
    assert shop.backup("--require-incremental")["changes_from"] == "wal"


def test_checksums_that_were_switched(shop):
    shop.receive()
    shop.backup()
    for word, checksums in (("--disable", False), ("--enable", True)):
        shop.stop_receiving()
        shop.server.stop()
        shop.server.tool("pg_checksums", word, "-D", shop.server.data)
        shop.start(shop.server)
        shop.receive()
        backup = check_all_was_read(shop, "checksums were switched")
        assert backup["data_checksums"] == checksums
        assert shop.backup("--require-incremental")["changes_from"] == "wal"


def go_on_with(shop, restored):
    """From now on what was restored is the source."""
    server = shop.server_on(restored)
    shop.start(server).wait_until_promoted()
    shop.point_at(server)
    shop.receive()


def test_the_server_was_taken_back_in_time(shop):
    """A backup that ends on the branch that was left is nothing to build upon; the next one is."""
    shop.receive()
    first = shop.backup()
    shop.write(1001)
    shop.wait_until_stored()
    back_to = shop.moment()
    shop.write(2001)
    shop.backup()
    shop.stop_receiving()
    shop.server.stop()
    to = shop.restore("back", "--replaces-source", "--backup", first["id"], "--lsn", back_to.lsn)
    go_on_with(shop, to)
    check_all_was_read(shop, "left the timeline of the backup before")
    shop.write(3001)
    second = shop.backup("--require-incremental")
    assert second["changes_from"] == "wal" and second["timeline"] == 2
    shop.wait_until_stored()
    ledger = ledger_of(shop.server)
    check_sound(shop.recovered("restored"), ledger)


def test_a_timeline_that_goes_on_behind_the_backup(shop):
    """A backup that lies on the history of the new timeline wholly is built upon."""
    shop.receive()
    shop.backup()
    shop.write(1001)
    shop.wait_until_stored()
    shop.stop_receiving()
    shop.server.stop()
    to = shop.restore("again", "--replaces-source")
    go_on_with(shop, to)
    shop.write(2001)
    backup = shop.backup("--require-incremental")
    assert backup["changes_from"] == "wal" and backup["timeline"] == 2
    shop.wait_until_stored()
    check_sound(shop.recovered("restored"), ledger_of(shop.server))


def test_what_the_repository_lost_is_read_again(shop):
    shop.receive()
    shop.backup()
    packs = [shop.place.path / name for name in shop.place.names("packs/")]
    max(packs, key=lambda pack: pack.stat().st_size).unlink()
    backup = shop.backup("--require-incremental", code=1)
    assert backup["changes_from"] == "wal"
    to = shop.restore("restored", "--backup", backup["id"], "--immediate")
    check_sound_after_start(shop, to)


def test_pushed_wal_says_it_too(protect):
    shop = protected(protect, 15, LOCAL)
    push = f"{shop.program.path} --config {shop.program.config} wal push --source shop %p"
    shop.server.configure({"archive_mode": "on", "archive_command": push})
    shop.program.configure(shop.program.config.read_text() + 'wal = "push"\n')
    shop.server.stop()
    shop.start(shop.server)
    shop.backup()
    for number in range(3):
        shop.write(1001 + 100 * number)
        shop.server.switch_wal()
    shop.write(5001)
    backup = shop.backup("--require-incremental")
    assert backup["changes_from"] == "wal"
    assert len(shop.place.names("wal-summary/")) >= 4
    _, differ = restored_pages_differ(shop, backup, "restored")
    assert not differ


def test_a_server_that_was_taken_back_to_a_snapshot_of_its_disk(shop):
    """It goes on where it was on the same timeline, and past it: the archive has WAL that it never wrote."""
    shop.receive()
    shop.backup()
    shop.write(1001)
    shop.wait_until_stored()
    shop.stop_receiving()
    shop.server.stop()
    snapshot = shop.workplace.folder("snapshot")
    run("cp", "-a", f"{shop.server.data}/.", snapshot)
    shop.start(shop.server)
    shop.receive()
    for number in range(4):
        shop.write(2001 + 100 * number)
        shop.server.switch_wal()
    shop.wait_until_stored()
    shop.stop_receiving()
    shop.server.stop()
    run("find", shop.server.data, "-mindepth", 1, "-delete")
    run("cp", "-a", f"{snapshot}/.", shop.server.data)
    shop.start(shop.server)
    for number in range(8):
        shop.write(5001 + 100 * number, count=60)
        shop.server.switch_wal()
    result = shop.program.run("backup", "shop", "--require-incremental", code=4)
    assert "does not lead to" in result.err or "does not follow" in result.err, result
