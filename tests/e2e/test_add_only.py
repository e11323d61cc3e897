"""A host whose key may only add makes backups that it cannot read; the recovery kit gets them back on an empty machine."""

import shutil
import stat

import pytest
from harness.process import run
from harness.protection import LOCAL, check_sound, ledger_of
from harness.scene import refused


@pytest.fixture
def host(protect):
    """`admin` is what opens everything, `program` is what the host runs."""
    made = protect(15, LOCAL)
    made.program.run("key", "add", "--add-only", "--key-file", made.workplace.path / "host.key")
    full = made.program.config.read_text()
    made.admin = made.workplace.write("admin.toml", full)
    made.program.configure(full.replace("/main.key", "/host.key"))
    return made


def as_admin(host, *arguments, code=0, cwd=None):
    return run(host.program.path, "--config", host.admin, *arguments, cwd=cwd or host.workplace.path, code=code)


def names(host):
    return host.place.names()


def refuse_what_reads(host):
    """Nothing of it writes anything, in the repository or where it was to go."""
    before = names(host)
    target = host.workplace.path / "nothing"
    refused(host, "restore", "shop", "--to", target, code=2, says="restoring needs a key that opens everything")
    refused(host, "export", "shop/latest", "--to", target, code=2, says="exporting needs a key that opens everything")
    refused(host, "verify", "shop", code=2, says="verifying data needs a key")
    refused(host, "verify", "shop", "--level", "data", code=2, says="verifying data needs a key")
    refused(host, "forget", "shop/latest", code=2, says="forgetting needs a key")
    refused(host, "key", "kit", "--to", target, code=2, says="a recovery kit needs a key")
    refused(host, "key", "add", "--key-file", target, code=2, says="adding a key that opens everything needs a key")
    refused(host, "key", "remove", "0123456789abcdef", code=2, says="removing a key needs a key")
    segment = next(name for name in names(host) if name.startswith("wal/") and "/0000000100" in name)
    refused(host, "wal", "fetch", "--source", "shop", segment.rpartition("/")[2].split(".")[0], "pg_wal/FETCHED",
            code=126, says="fetching WAL needs a key", cwd=host.server.data)
    assert not target.exists() and not (host.server.data / "pg_wal" / "FETCHED").exists()
    assert names(host) == before


def follow(host, kit, folder):
    """Types what the kit says, on a machine that has the program and nothing else."""
    typed = "".join(line[4:] for line in kit.splitlines(keepends=True) if line.startswith("    "))
    folder.mkdir(mode=0o755)
    shutil.chown(folder, "postgres")
    result = run("/bin/sh", "-ec", typed, cwd=folder, env={"PATH": f"{host.program.path.parent}:/usr/bin:/bin"}, code=None)
    assert result.code in (0, 1), result
    return result


def test_a_host_that_may_only_add(host):
    listed = {key["label"]: key for key in host.program.json("key", "list")}
    assert listed["host.key"]["access"] == "add-only" and listed["host.key"]["in_use"]
    assert listed["main.key"]["access"] == "everything"

    host.receive()
    first = host.backup()
    host.write(1001)
    second = host.backup()
    assert second["bytes_stored"] < first["bytes_stored"] / 2, "the second does not share with the first"
    assert second["parent"] == first["id"]
    between = host.moment()
    host.wait_until_stored()
    host.stop_receiving()

    assert [backup["id"] for backup in host.program.json("list", "shop")] == [first["id"], second["id"]]
    host.program.run("show", second["id"])
    host.program.run("check", "shop")
    host.program.run("verify", "shop", "--level", "packs")
    host.program.run("verify", "shop", "--level", "metadata")
    (status,) = host.program.json("status", "shop", code=None)["sources"]
    assert status["newest_backup"]["id"] == second["id"]
    assert status["windows"][0]["to_lsn"] and status["windows"][0]["to"] is None
    assert "may only add" in host.program.run("status", "shop", code=None).out
    refuse_what_reads(host)

    # A receiver that lost its spool goes on from an archive that it cannot read; and a pushed segment is taken as it is.
    shutil.rmtree(host.workplace.path / "state")
    host.receive()
    host.write(2001)
    host.wait_until_stored()
    host.server.switch_wal()
    host.write(3001)
    host.wait_until_stored()
    host.stop_receiving()
    latest = ledger_of(host.server)
    host.program.run("wal", "flush", "shop")

    as_admin(host, "verify", "shop")
    for name, arguments, ledger in (("first", ("--backup", first["id"], "--at", between.time), between.ledger),
                                    ("second", ("--backup", second["id"]), latest)):
        to = host.workplace.path / name
        as_admin(host, "restore", "shop", "--to", to, *arguments)
        server = host.server_on(to)
        server.start().wait_until_promoted()
        check_sound(server, ledger)


def test_the_kit_gets_everything_back(host):
    host.receive()
    host.backup()
    host.write(1001)
    host.wait_until_stored()
    host.stop_receiving()
    ledger = ledger_of(host.server)

    file = host.workplace.path / "kit.txt"
    as_admin(host, "key", "kit", "--to", file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    kit = file.read_text()
    result = as_admin(host, "key", "kit", "--to", file, code=4)
    assert "exists" in result.err and "hint: " in result.err
    assert file.read_text() == kit
    japanese = as_admin(host, "key", "kit", "--to", "-", "--language", "ja").out
    assert "リカバリーキット" in japanese
    (key,) = [line.strip() for line in kit.splitlines() if "holdfast-key-1:" in line]
    assert key in (host.workplace.path / "main.key").read_text() and key in japanese

    (host.workplace.path / "main.key").unlink()
    (host.workplace.path / "host.key").unlink()
    host.server.stop()
    place = host.workplace.path / "empty machine"
    result = follow(host, kit, place)
    assert "this one" in result.out
    sums = run("sha256sum", "holdfast.key", cwd=place).out.split()[0]
    assert sums in kit.split()
    server = host.server_on(place / "shop")
    server.start().wait_until_promoted()
    check_sound(server, ledger)
