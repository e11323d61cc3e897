"""What is exported needs no holdfast: ordinary tools unpack it, PostgreSQL's own tool finds it whole, a server starts on it."""

import os
import pathlib
import shutil

import pytest
from harness.disks import small_disk
from harness.postgres import MAJORS
from harness.process import SERVER_USER, eventually, run
from harness.protection import LOCAL, check_sound
from harness.scene import refused

ARCHIVES = ("tar", "tar.gz", "tar.zst", "7z")
TABLESPACES = ("fast", "other")


def of_these(*majors):
    return [major for major in majors if major in MAJORS]


def settings_that_lead_astray(server):
    """Settings of the source that a copy must not follow, two of them in a file that postgresql.conf includes."""
    server.write_file("places.conf", f"data_directory = '{server.data}'\nhba_file = '{server.data}/pg_hba.conf'\n")
    with open(server.data / "postgresql.conf", "a", encoding="utf-8") as conf:
        conf.write("include 'places.conf'\narchive_mode = on\narchive_command = 'true'\n")


def protected(protect, major):
    """A source with tablespaces, a backup made under load, and rows that were written after it."""
    shop = protect(major, LOCAL, prepare=settings_that_lead_astray)
    for name in TABLESPACES:
        shop.server.execute(f"CREATE TABLESPACE {name} LOCATION '{shop.workplace.folder(name)}'")
    shop.server.execute("ALTER TABLE ledger SET TABLESPACE fast")
    shop.server.execute("CREATE TABLE elsewhere TABLESPACE other AS SELECT generate_series(1, 1000) AS i")
    shop.server.pgbench_init()
    shop.write(1001)
    shop.ledger = shop.moment().ledger
    load = shop.load()
    eventually(lambda: int(shop.server.value("SELECT count(*) FROM pgbench_history")) > 50, "some load")
    shop.made = shop.backup()
    load.kill()
    shop.write(2001)
    shop.server.switch_wal()
    # From now on whatever is started is a copy: the source is gone.
    shop.server.stop()
    return shop


@pytest.fixture(scope="module", params=of_these(17))
def shop(request, protect_for_all):
    return protected(protect_for_all, request.param)


def unpack(archive, to):
    to.mkdir(mode=0o700)
    shutil.chown(to, SERVER_USER if os.geteuid() == 0 else None)
    if archive.suffix == ".7z":
        run("7z", "x", "-bd", f"-o{to}", archive)
    else:
        assert run("tar", "-x", "-f", archive, "-C", to).err == ""
    return to


def started(shop, data):
    server = shop.server_on(data)
    assert not (data / "recovery.signal").exists()
    return server.start()


def check_export(shop, data):
    """A server on it holds what the source held at the backup's end, whatever was archived beyond. Stops it."""
    server = started(shop, data)
    assert server.value("SELECT pg_is_in_recovery()") == "f"
    assert server.value("SHOW data_directory") == str(data)
    assert server.value("SELECT count(*) FROM elsewhere") == "1000"
    history = server.value("SELECT count(*) FROM pgbench_history")
    check_sound(server, shop.ledger, pgbench=True)
    return history


@pytest.fixture(scope="module")
def oracle(shop):
    """Transactions that were committed at the backup's end, as a restore to there tells them."""
    words = [f"--tablespace={name}={shop.workplace.path}/oracle-{name}" for name in TABLESPACES]
    server = shop.recovered("oracle", "--lsn", shop.made["stop_lsn"], *words, code=1)
    history = server.value("SELECT count(*) FROM pgbench_history")
    server.stop()
    return history


@pytest.mark.parametrize("format_", ARCHIVES)
def test_an_archive_starts_after_it_was_unpacked(shop, oracle, format_):
    archive = shop.workplace.path / f"shop.{format_}"
    told = shop.program.json("export", "shop/latest", "--to", archive)
    assert (told["format"], told["path"], told["backup"]) == (format_, str(archive), shop.made["id"])
    assert told["bytes_written"] == archive.stat().st_size and not told["dry_run"]
    assert archive.stat().st_mode & 0o777 == 0o600
    data = unpack(archive, shop.workplace.path / f"from-{format_}")
    assert not (data / "tablespace_map").exists()
    assert check_export(shop, data) == oracle
    archive.unlink()


def test_a_directory_starts(shop, oracle):
    to = shop.workplace.path / "plain"
    error = refused(shop, "export", "shop/latest", "--to", to, code=4, says="tablespace")
    assert "--tablespace" in error and not to.exists()
    words = [f"--tablespace={name}={shop.workplace.path}/plain-{name}" for name in TABLESPACES]
    told = shop.program.json("export", "shop/latest", "--to", to, *words)
    assert told["format"] == "directory" and len(told["tablespaces"]) == 2
    assert check_export(shop, to) == oracle


def test_a_stream_into_tar(shop, oracle):
    data = shop.workplace.folder("streamed")
    program = f"{shop.program.path} --config {shop.program.config}"
    run("/bin/bash", "-o", "pipefail", "-c", f"{program} export shop/latest --to - | tar -x -C {data}")
    assert check_export(shop, data) == oracle


def test_an_encrypted_7z_tells_nothing_without_its_passphrase(shop, oracle):
    archive = shop.workplace.path / "secret.7z"
    passphrase = "correct 'horse' ü $x"
    words = ("--password-file", shop.workplace.write("password", f"{passphrase}\n"))
    shop.program.run("export", "shop/latest", "--to", archive, *words)
    assert archive.stat().st_mode & 0o777 == 0o600
    for wrong in ("-pwrong", "-p"):
        run("7z", "l", wrong, archive, code=2)
    data = shop.workplace.folder("decrypted")
    run("/bin/bash", "-o", "pipefail", "-c", f'7z x -so -p"$PASSPHRASE" {archive} | tar -x -C {data}',
        env={"PASSPHRASE": passphrase, "LC_ALL": "C.UTF-8"})
    assert check_export(shop, data) == oracle
    refused(shop, "export", "shop/latest", "--to", archive.with_suffix(".tar"), *words, code=2, says="--password-file")
    nothing = shop.workplace.folder("nothing")
    refused(shop, "export", "shop/latest", "--to", nothing / "x.7z", *words, code=3, says="7z", env={"PATH": "/nowhere"})
    assert list(nothing.iterdir()) == []


@pytest.fixture
def offsite(shop):
    """A copy in the configuration, not made."""
    full = shop.program.config.read_text()
    shop.program.configure(full.replace("[source.shop]\n", f"""[repository.offsite]
url = "file://{shop.workplace.path}/offsite"
key_file = "{shop.workplace.path}/offsite.key"
[source.shop]
copies = [{{ repository = "offsite" }}]
"""))
    yield "offsite"
    shop.program.configure(full)


def test_a_copy_serves_what_the_repository_has_lost(shop, offsite):
    shop.program.run("init", "--repository", offsite)
    shop.program.run("copy")
    packs = pathlib.Path(shop.place.path, "packs")
    packs.rename(packs.with_name("away"))
    try:
        archive = shop.workplace.path / "copied.tar"
        told = shop.program.json("export", "shop/latest", "--to", archive, code=1)
        assert told["repository"] == "offsite" and told["backup"] == shop.made["id"]
        assert any("copy in offsite" in warning for warning in told["warnings"])
    finally:
        packs.with_name("away").rename(packs)
    shop.server_on(unpack(archive, shop.workplace.path / "from-copy"))


def test_what_is_there_is_never_replaced(shop):
    archive = shop.workplace.path / "taken.tar"
    archive.write_text("mine")
    refused(shop, "export", "shop/latest", "--to", archive, code=4, says="exists already")
    assert archive.read_text() == "mine"
    refused(shop, "export", "shop/latest", "--to", shop.workplace.path / "nowhere" / "x.tar", code=3, says="no folder")
    refused(shop, "export", "shop/latest", "--to", "-", "--format", "7z", code=2, says="standard output")
    assert "standard output" in shop.program.run("--json", "export", "shop/latest", "--to", "-", code=2).err


def test_a_dry_run_writes_nothing(shop):
    archive = shop.workplace.path / "dry.tar.zst"
    told = shop.program.json("export", "shop/latest", "--to", archive, "--dry-run")
    assert told["dry_run"] and told["files"] > 900 and told["format"] == "tar.zst"
    assert not archive.exists()
    assert shop.program.json("export", "shop/latest", "--to", archive)["files"] == told["files"]


@pytest.mark.usefixtures("offsite")
def test_a_disk_that_gets_full(shop):
    """No copy is tried against that."""
    disk = small_disk(shop.workplace, "disk", 256 << 10)
    password = ("--password-file", shop.workplace.write("short", "secret\n"))
    for words, says in (("shop.tar",), "are needed"), (("shop.tar.gz",), "No space left"), (("shop.7z",), "No space left"), \
            (("secret.7z", *password), "7z ended with"):
        said = refused(shop, "export", "shop/latest", "--to", disk / words[0], *words[1:], code=5, says=says, hint=says[0] != "7")
        assert "offsite" not in said
    assert list(disk.iterdir()) == []
    assert shutil.disk_usage(disk).used == 0


def test_a_reader_that_goes_away(shop):
    program = f"{shop.program.path} --config {shop.program.config}"
    result = run("/bin/bash", "-o", "pipefail", "-c", f"{program} export shop/latest --to - | head -c 100000 | wc -c", code=5)
    assert "standard output: Broken pipe" in result.err and result.out.strip() == "100000"


def test_a_killed_export_leaves_nothing_that_looks_finished(shop):
    folder = shop.workplace.folder("killed")
    export = shop.program.start("export", "shop/latest", "--to", folder / "shop.tar.gz", "--limit-download", "1MiB")
    eventually(lambda: any(path.stat().st_size > 100000 for path in folder.iterdir()), "some of it to be written")
    export.kill()
    assert [path.name for path in folder.iterdir() if not path.name.endswith(".tmp")] == []
    shop.program.run("export", "shop/latest", "--to", folder / "shop.tar.gz")


def test_a_killed_export_takes_the_program_that_encrypts_with_it(shop):
    """Also one that does not end where its input does."""
    folder = shop.workplace.folder("fed")
    shop.workplace.folder("stub")
    stub = shop.workplace.write("stub/7z", "#!/bin/bash\n[ $1 = i ] && exit\nread -r passphrase\n"
                                          f"echo $$ > {folder}/pid\nexec sleep 600\n")
    stub.chmod(0o755)
    password = shop.workplace.write("password", "words\n")
    export = shop.program.start("export", "shop/latest", "--to", folder / "shop.7z", "--password-file", password,
                                env={"PATH": f"{stub.parent}:/usr/bin:/bin"})
    eventually(lambda: (folder / "pid").exists() and (folder / "pid").read_text().strip(), "the program to be fed")
    child = pathlib.Path("/proc", (folder / "pid").read_text().strip())
    assert child.exists()
    export.kill()
    eventually(lambda: not child.exists() or ") Z " in (child / "stat").read_text(), "the program to end")


def test_a_missing_pack_is_noticed_before_a_byte_is_written(shop):
    pack = max(pathlib.Path(shop.place.path, "packs").rglob("*"), key=lambda path: path.stat().st_size)
    away = shop.workplace.path / "away"
    pack.rename(away)
    try:
        archive = shop.workplace.path / "never.tar"
        for to in (archive, "-"):
            said = shop.program.run("export", "shop/latest", "--to", to, code=6)
            assert "packs of backup" in said.err and said.out == ""
        assert not archive.exists()
    finally:
        away.rename(pack)


@pytest.mark.parametrize("major", of_these(13))
def test_the_oldest_server(protect, major):
    shop = protected(protect, major)
    archive = shop.workplace.path / "shop.tar"
    shop.program.run("export", shop.made["id"], "--to", archive)
    check_export(shop, unpack(archive, shop.workplace.path / "data"))


@pytest.mark.parametrize("major", of_these(15))
def test_a_backup_of_a_later_timeline_brings_its_history(protect, major):
    shop = protect(major)
    shop.write(1001)
    shop.backup()
    shop.server.stop()
    server = shop.server_on(shop.restore("replacement", "--replaces-source"))
    shop.start(server).wait_until_promoted()
    shop.point_at(server)
    shop.backup()
    ledger = shop.moment().ledger
    shop.write(2001)
    server.stop()
    archive = shop.workplace.path / "shop.tar"
    shop.program.run("export", "shop/latest", "--to", archive)
    data = unpack(archive, shop.workplace.path / "data")
    assert (data / "pg_wal" / "00000002.history").exists()
    check_sound(started(shop, data), ledger)
