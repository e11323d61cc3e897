"""Clusters that are laid out in unusual ways, and the oldest and newest servers, come back too."""

import os
import shutil

import pytest
from harness.postgres import MAJORS
from harness.process import eventually
from harness.protection import LOCAL, SQL, check_sound


def of_these(*majors):
    return [major for major in majors if major in MAJORS]


def received(protect, major, method=LOCAL, **options):
    shop = protect(major, method, **options)
    shop.write(1001)
    shop.receive()
    return shop


def name_its_places(server):
    """A configuration that names the data directory and a file in it, as Debian's does."""
    folder = server.data / "conf.d"
    folder.mkdir(mode=0o700)
    shutil.chown(folder, server.data.owner())
    server.write_file("conf.d/places.conf", f"data_directory = '{server.data}'\nhba_file = '{server.data}/pg_hba.conf'\n")
    with open(server.data / "postgresql.conf", "a", encoding="utf-8") as conf:
        conf.write("include_dir 'conf.d'\n")


@pytest.mark.parametrize("major", of_these(13, 18))
def test_the_oldest_and_the_newest_server_with_settings_that_lead_astray(protect, major):
    shop = received(protect, major, prepare=name_its_places)
    shop.leave_settings()
    shop.backup()
    shop.write(2001)
    moment = shop.moment()
    shop.write(3001)
    shop.wait_until_stored()
    to = shop.workplace.path / "latest"
    planned = shop.program.json("restore", "shop", "--to", to, "--at", moment.time, "--dry-run", code=1)
    assert any(f"names the data directory {shop.server.data}" in warning for warning in planned["warnings"])
    shop.server.stop()  # as after its loss: a server that ran on its directory would start
    server = shop.recovered("latest", "--at", moment.time, code=1)
    assert server.value("SHOW data_directory") == str(to)
    assert server.value("SHOW hba_file") == str(to / "pg_hba.conf")
    check_sound(server, moment.ledger)


@pytest.mark.parametrize("major,mebibytes,checksums", [(15, 1, False), (17, 64, True)])
def test_segment_sizes_and_checksums(protect, major, mebibytes, checksums):
    shop = received(protect, major, SQL, wal_segment_mib=mebibytes, checksums=checksums)
    assert shop.backup()["data_checksums"] is checksums
    shop.write(2001, 20000)
    moment = shop.moment()
    shop.wait_until_stored()
    check_sound(shop.recovered("latest"), moment.ledger, checksums=checksums)


def test_a_percent_sign_on_the_way_to_the_configuration(protect):
    shop = received(protect, 15)
    shop.backup()
    odd = shop.workplace.folder("50%p 'off'") / "it.toml"
    shutil.copy2(shop.program.config, odd)
    shutil.chown(odd, shop.workplace.path.owner())
    shop.program.config = odd
    check_sound(shop.recovered("latest"), shop.moment().ledger)


@pytest.mark.parametrize("method", [LOCAL, SQL])
def test_tablespaces(protect, method):
    shop = received(protect, 15, method)
    place = shop.workplace.folder("fast")
    shop.server.execute(f"CREATE TABLESPACE fast LOCATION '{place}'")
    shop.server.execute("SET allow_in_place_tablespaces = on; CREATE TABLESPACE within LOCATION ''")
    shop.server.execute("ALTER TABLE ledger SET TABLESPACE fast")
    shop.server.execute("CREATE TABLE inside TABLESPACE within AS SELECT generate_series(1, 1000) AS i")
    shop.backup()
    ledger = shop.moment().ledger
    oid = shop.server.value("SELECT oid FROM pg_tablespace WHERE spcname = 'fast'")

    to = shop.workplace.path / "never"
    refused = shop.program.run("restore", "shop", "--to", to, code=4)
    assert str(place) in refused.err and "--tablespace" in refused.err
    assert not to.exists()
    unknown = shop.program.run("restore", "shop", "--to", to, "--tablespace", f"slow={to}", code=2)
    assert "slow" in unknown.err

    for number, name in enumerate((place, "fast", oid)):
        new = shop.workplace.path / f"elsewhere{number}"
        server = shop.recovered(f"copy{number}", "--tablespace", f"{name}={new}")
        assert os.readlink(server.data / "pg_tblspc" / oid) == str(new)
        assert server.value("SELECT count(*) FROM inside") == "1000"
        check_sound(server, ledger)


@pytest.mark.parametrize("method", [LOCAL, SQL])
def test_a_linked_pg_wal(protect, method):
    def link(server):
        place = server.data.parent / "elsewhere-wal"
        os.rename(server.data / "pg_wal", place)
        os.symlink(place, server.data / "pg_wal")
    shop = received(protect, 17, method, prepare=link)
    shop.backup()
    shop.write(2001)
    ledger = shop.moment().ledger
    shop.wait_until_stored()
    # Only local reading sees the link, and says that it is not made again.
    server = shop.recovered("latest", code=1 if method == LOCAL else 0)
    assert not (server.data / "pg_wal").is_symlink()
    check_sound(server, ledger)


def test_what_lies_in_a_data_directory_and_is_not_the_servers(protect):
    def strew(server):
        spaces = server.data / "pg_tblspc"
        for folder in (spaces / "stray", spaces / "12abc"):
            folder.mkdir()
            (folder / "x").write_text("x")
        (spaces / "notes.txt").write_text("mine")
        for link, to in (("pg_tblspc/elsewhere", "/tmp"), ("pg_tblspc/777", "/tmp"), ("server.crt", "/etc/hostname"),
                         ("log", "/nowhere")):
            os.symlink(to, server.data / link)
    shop = protect(17, LOCAL, prepare=strew)
    shop.write(1001)
    ledger = shop.moment().ledger
    said = shop.program.run("backup", "shop")
    assert "links lead there: log (a link to /nowhere), server.crt (a link to /etc/hostname)" in said.err
    to = shop.workplace.path / "back"
    shop.program.run("restore", "shop", "--to", to, "--dry-run")
    told = shop.program.json("restore", "shop", "--to", to, code=1)
    assert [text.split()[0] for text in told["warnings"]] == ["log", "pg_tblspc/notes.txt", "server.crt"]
    for name in ("log", "server.crt", "pg_tblspc/elsewhere", "pg_tblspc/777", "pg_tblspc/notes.txt"):
        assert not os.path.lexists(to / name)
    assert (to / "pg_tblspc/12abc").is_dir()
    archive = shop.workplace.path / "shop.tar"
    shop.program.run("export", "shop/latest", "--to", archive, code=1)
    server = shop.server_on(to).start()
    server.wait_until_promoted()
    # pg_checksums takes every folder there for a tablespace.
    check_sound(server, ledger, checksums=False)


@pytest.mark.parametrize("method", [LOCAL, SQL])
def test_a_second_backup_stores_what_changed_and_restores_alone(protect, method):
    shop = received(protect, 15, method)
    shop.server.pgbench_init()
    first = shop.backup()
    unchanged = shop.backup()
    assert unchanged["bytes_stored"] * 10 < first["bytes_stored"]
    assert unchanged["pages_changed"] < 100
    shop.server.execute("CREATE TABLE one (i int)")
    pages = int(shop.server.value("SELECT pg_relation_size('pgbench_accounts') / 8192"))
    shop.server.execute("CHECKPOINT; UPDATE pgbench_accounts SET bid = bid; CHECKPOINT")
    third = shop.backup()
    assert pages <= third["pages_changed"] < first["pages"] + 3 * pages
    assert third["parent"] == unchanged["id"]
    check_sound(shop.recovered("immediate", "--immediate"), shop.moment().ledger, pgbench=True)


def test_a_source_that_only_pushes(protect):
    shop = protect(15)
    push = f"{shop.program.path} --config {shop.program.config} wal push --source shop %p"
    shop.server.stop()
    shop.server.configure({"archive_mode": "on", "archive_command": push})
    shop.start(shop.server)
    shop.backup()
    shop.write(2001)
    moment = shop.moment()
    shop.write(3001)
    last = shop.moment()
    segment = shop.server.switch_wal()
    eventually(lambda: shop.server.value("SELECT coalesce(last_archived_wal, '') FROM pg_stat_archiver") >= segment,
               "the archiver")
    check_sound(shop.recovered("time", "--at", moment.time), moment.ledger)
    check_sound(shop.recovered("latest"), last.ledger)
