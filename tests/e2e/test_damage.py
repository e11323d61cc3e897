"""One flipped bit in each kind of object: it is found and named, the rest still restores, and the next backup heals."""

import json
import re

import pytest
from harness.process import run
from harness.scene import make_scene, segments_in, seeded


@pytest.fixture
def scene(workplace, holdfast, postgres):
    server = postgres(15, wal_segment_mib=1)
    server.pgbench_init(1)
    made = make_scene(workplace, holdfast, server, repository_settings='pack_size = "1MiB"')
    made.backup()
    return made


def objects(scene, folder):
    return sorted(path for path in (scene.repository / folder).rglob("*") if path.is_file())


def flip(path, rng):
    """One bit, in a place of its own."""
    content = bytearray(path.read_bytes())
    position = rng.randrange(len(content))
    content[position] ^= 1 << rng.randrange(8)
    mode = path.stat().st_mode
    path.chmod(0o600)
    path.write_bytes(content)
    path.chmod(mode)
    print(f"{path.name}: byte {position} of {len(content)}")


def in_data(scene, *arguments, code=0):
    return run(scene.program.path, "--config", scene.program.config, *arguments, cwd=scene.server.data, code=code)


def damaged(scene, path):
    """What verify says of the one object that is damaged."""
    result = scene.verify(code=6)
    name = str(path.relative_to(scene.repository))
    found = [damage for damage in result["damages"] if damage["object"] == name]
    assert len(found) == 1, result
    text = scene.program.run("verify", "shop", code=6)
    assert name in text.out
    return found[0]


def test_a_damaged_pack_names_files_and_pages_and_a_full_backup_heals(scene, postgres_on):
    rng = seeded()
    first = scene.backups()[0]
    of_first = objects(scene, "packs")
    scene.server.execute("UPDATE pgbench_accounts SET abalance = 1")
    scene.backup("--full")
    for path in rng.sample(of_first, 3):
        whole = path.read_bytes()
        flip(path, rng)
        damage = damaged(scene, path)
        hits = damage["hits"]
        assert {hit["backup"] for hit in hits} <= {first}, damage
        # A bit that no content depends on takes nothing with it; every other one has a place.
        assert all(hit["path"] or len(hits) == 1 for hit in hits), damage
        path.chmod(0o600)
        path.write_bytes(whole)
    victim = max(of_first, key=lambda path: path.stat().st_size)
    flip(victim, rng)
    scene.server.execute("UPDATE pgbench_branches SET bbalance = 5")
    healed = scene.backup("--full")["id"]
    assert {hit["backup"] for hit in damaged(scene, victim)["hits"]} <= {first}
    server = postgres_on(15, scene.restore("--backup", healed)).start()
    server.wait_until_promoted()
    server.tool("pg_amcheck", "--install-missing", "postgres")
    assert server.value("SELECT min(bbalance) FROM pgbench_branches") == "5"


def without_key(scene, *arguments, key_file=True, code=0):
    """Verified where no key is: none is configured, or the configured one is not to be had."""
    settings = scene.program.config.read_text()
    if key_file:
        settings = re.sub(r'key_file = ".*"', 'key_file = "/nonexistent/key"', settings)
    else:
        settings = re.sub(r'key_file = ".*"\n', "", settings)
    config = scene.program.config.with_name("keyless.toml")
    config.write_text(settings)
    result = run(scene.program.path, "--config", config, "--json", "verify", *arguments, code=code)
    return json.loads(result.out) if result.out else result


def test_packs_and_names_are_verified_without_a_key(scene):
    sound = without_key(scene, "shop", "--level", "packs", key_file=False)
    assert sound["damages"] == [] and sound["bytes"] > 2**20 and sound["backups"] == 1
    assert without_key(scene, "--level", "list", key_file=False)["damages"] == []
    assert without_key(scene, "--without-key")["bytes"] > 2**20
    victim = objects(scene, "packs")[0]
    whole = victim.read_bytes()
    flip(victim, seeded())
    name = str(victim.relative_to(scene.repository))
    for options in ({"key_file": False}, {}):
        level = () if options == {} else ("--level", "packs")
        found = without_key(scene, *level, *(("--without-key",) if options == {} else ()), code=6, **options)["damages"]
        assert [damage["object"] for damage in found] == [name]
        assert [hit["backup"] for hit in found[0]["hits"]] == scene.backups()
    victim.unlink()
    found = without_key(scene, "--level", "list", key_file=False, code=6)["damages"]
    assert [damage["object"][:9] for damage in found] == [name[:9]]
    victim.write_bytes(whole)
    assert "no key is configured" in without_key(scene, key_file=False, code=2).err
    assert "--level packs" in without_key(scene, "--without-key", "--level", "data", code=2).err
    assert "nosuch" in without_key(scene, "nosuch", "--without-key", code=3).err


def test_a_page_that_is_damaged_is_named(scene):
    named = set()
    for path in objects(scene, "packs"):
        whole = path.read_bytes()
        content = bytearray(whole)
        content[len(content) // 3] ^= 1
        path.chmod(0o600)
        path.write_bytes(content)
        for hit in damaged(scene, path)["hits"]:
            assert hit["backup"] == scene.backups()[0]
            named |= {(hit["path"], page) for page in hit["pages"]}
        path.write_bytes(whole)
    assert any("base/" in path for path, _ in named), named
    assert scene.verify()["damages"] == []


def test_a_restore_never_writes_what_is_damaged(scene):
    rng = seeded()
    path = max(objects(scene, "packs"), key=lambda path: path.stat().st_size)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1 << rng.randrange(8)
    path.chmod(0o600)
    path.write_bytes(content)
    folder = scene.new_folder()
    result = scene.program.run("restore", "shop", "--to", folder, code=6)
    assert path.name in result.err, result
    assert not (folder / "global" / "pg_control").exists()


def test_what_is_not_damaged_is_restored_when_that_is_allowed(scene, postgres_on):
    """A frame of a table is hit, and then its whole pack is gone."""
    rows = 40000
    scene.server.execute(f"CREATE TABLE wide AS SELECT i, md5(i::text) || md5((-i)::text) AS text FROM generate_series(1, {rows}) AS i")
    file = scene.server.value("SELECT pg_relation_filepath('wide')")
    scene.backup()

    def hits_of(path):
        return [hit["path"] for hit in damaged(scene, path)["hits"]]

    for path in objects(scene, "packs"):
        whole = path.read_bytes()
        content = bytearray(whole)
        content[len(content) // 2] ^= 1
        path.chmod(0o600)
        path.write_bytes(content)
        if hits_of(path) == [file]:
            break
        path.write_bytes(whole)
    else:
        raise AssertionError("no pack has the table in its middle")
    refused = scene.program.run("restore", "shop", "--to", scene.new_folder(), code=6)
    assert "--allow-damaged" in refused.err
    scene.program.run("restore", "shop", "--to", scene.new_folder(), "--allow-damaged", "--in-place", code=2)
    to = scene.new_folder()
    done = scene.program.json("restore", "shop", "--to", to, "--allow-damaged", code=6)
    (lost,) = done["lost"]
    assert lost["path"] == file and 0 < sum(blocks["count"] for blocks in lost["blocks"]) <= 16
    assert any(file in warning for warning in done["warnings"])
    assert file in (to / "holdfast.lost").read_text()
    written = (to / file).read_bytes()
    source = (scene.server.data / file)
    assert len(written) == source.stat().st_size
    for blocks in lost["blocks"]:
        assert not any(written[blocks["first"] * 8192:(blocks["first"] + blocks["count"]) * 8192])
    server = postgres_on(15, to)
    server.tool("pg_verifybackup", to)
    server.start().wait_until_promoted()
    left = int(server.value("SELECT count(text) FROM wide"))
    assert rows - 16 * 100 <= left < rows
    server.stop()

    path.unlink()
    gone = scene.program.json("restore", "shop", "--to", scene.new_folder(), "--allow-damaged", code=6)
    blocks = {lost["path"]: sum(blocks["count"] for blocks in lost["blocks"]) for lost in gone["lost"]}
    assert blocks[file] > 16


def exchange(one, other):
    """Each of two objects under the other's name: nothing is damaged, and nothing is where it belongs."""
    contents = one.read_bytes(), other.read_bytes()
    for path, content in zip((other, one), contents, strict=True):
        path.chmod(0o600)
        path.write_bytes(content)


def test_packs_that_were_exchanged_are_found_and_never_restored_from(scene):
    rng = seeded()
    for one, other in (sorted(objects(scene, "packs"), key=lambda path: path.stat().st_size)[-2:],
                       rng.sample(objects(scene, "packs"), 2)):
        exchange(one, other)
        for level in ("packs", "data"):
            damages = scene.program.json("verify", "--level", level, code=6)["damages"]
            assert {damage["object"].rsplit("/")[-1] for damage in damages} == {one.name, other.name}
        assert scene.program.json("verify", "--level", "metadata", code=6)["damages"]
        folder = scene.new_folder()
        result = scene.program.run("restore", "shop", "--to", folder, code=6)
        assert one.name in result.err or other.name in result.err, result
        assert not (folder / "global" / "pg_control").exists()
        exchange(one, other)
    assert scene.verify()["damages"] == []
    scene.restore()


def backup_with_a_warning(scene, about):
    """The next backup, which must say that it stored again what an object held."""
    result = scene.program.run("--json", "backup", "shop", code=1)
    backup = result.json()
    warnings = [warning for warning in backup["warnings"] if "fsync = off" not in warning]
    assert len(warnings) == 1 and about in warnings[0] and "stored again" in warnings[0], result
    assert about in result.err
    (shown,) = [one for one in scene.program.json("list", "shop") if one["id"] == backup["id"]]
    assert shown["warnings"] == backup["warnings"], shown
    return backup


def hit(scene, backup):
    """What verify says that damage takes of a backup."""
    result = scene.program.run("--json", "verify", "--level", "data", "--no-marks", code=None)
    return [h for damage in result.json()["damages"] for h in damage["hits"] if h["backup"] == backup]


def test_the_next_backup_heals_what_a_verification_found(scene, postgres_on):
    victim = max(objects(scene, "packs"), key=lambda path: path.stat().st_size)
    content = bytearray(victim.read_bytes())
    content[len(content) // 2] ^= 1
    victim.chmod(0o600)
    victim.write_bytes(content)
    # Without a verification nobody knows, and --no-marks keeps it so.
    blind = scene.backup()["id"]
    assert scene.program.json("verify", "--level", "packs", "--no-marks", code=6)["marked"] == 0
    assert hit(scene, blind)
    found = scene.program.json("verify", "--level", "packs", code=6)
    assert [damage["object"].rsplit("/")[-1] for damage in found["damages"]] == [victim.name]
    assert found["marked"] == 1 and found["warnings"] == []
    healed = backup_with_a_warning(scene, victim.name)
    assert healed["pages_changed"] > 100
    assert hit(scene, healed["id"]) == []
    following = scene.backup()
    assert following["pages_changed"] < 100
    for backup in (healed, following):
        server = postgres_on(15, scene.restore("--backup", backup["id"])).start()
        server.wait_until_promoted()
        server.tool("pg_amcheck", "--install-missing", "postgres")
        server.stop()


def test_a_verification_that_may_not_write_says_so(scene):
    victim = max(objects(scene, "packs"), key=lambda path: path.stat().st_size)
    flip(victim, seeded())
    # As a store does that takes nothing: a file stands where the marks would go.
    (scene.repository / "damaged").write_bytes(b"")
    result = scene.program.run("--json", "verify", "--level", "packs", code=6)
    assert "cannot be marked" in result.err
    assert result.json()["marked"] == 0 and len(result.json()["warnings"]) == 1


def test_the_next_backup_stores_again_what_is_lost(scene, postgres_on):
    before = objects(scene, "packs")
    content = max(before, key=lambda path: path.stat().st_size)
    content.unlink()
    healed = backup_with_a_warning(scene, content.name)
    assert hit(scene, scene.backups()[0]) and hit(scene, healed["id"]) == []
    # Now where the tree is: of metadata, which the header says.
    (tree,) = [path for path in objects(scene, "packs") if path not in before and path.read_bytes()[10] == 2]
    tree.unlink()
    again = backup_with_a_warning(scene, tree.name)
    assert hit(scene, healed["id"]) and hit(scene, again["id"]) == []
    healed = again
    postgres_on(15, scene.restore("--backup", healed["id"])).start().wait_until_promoted()


def test_a_damaged_snapshot_takes_its_own_backup_only(scene, postgres_on):
    rng = seeded()
    first = scene.backups()[0]
    second = scene.backup()["id"]
    while second[:-5] == first[:-5]:  # ids of one second do not tell which backup is the older
        second = scene.backup()["id"]
    path = scene.repository / "snapshots" / first
    flip(path, rng)
    assert {hit["backup"] for hit in damaged(scene, path)["hits"]} == {first}
    listed = scene.program.run("list", "shop", "--json", code=None)
    assert listed.code == 6 or first in listed.err
    postgres_on(15, scene.restore("--backup", second)).start().wait_until_promoted()
    third = scene.backup()["id"]
    postgres_on(15, scene.restore("--backup", third)).start().wait_until_promoted()
    # It might have been the better one: done, with a warning.
    chosen = scene.program.run("--json", "restore", "shop", "--to", scene.new_folder(), "--dry-run", code=1)
    assert f"warning: backup {first} cannot be read" in chosen.err
    assert any(first in warning for warning in chosen.json()["warnings"])


def test_a_damaged_segment_is_named_and_never_taken_for_the_end_of_the_log(scene):
    rng = seeded()
    path = segments_in(scene.repository)[0]
    name = path.name.split(".")[0]
    flip(path, rng)
    damaged(scene, path)
    fetched = in_data(scene, "wal", "fetch", "--source", "shop", name, "pg_wal/FETCHED", code=126)
    assert name in fetched.err
    assert not (scene.server.data / "pg_wal" / "FETCHED").exists()
    following = scene.backup()["id"]
    scene.restore("--backup", following)
    # What the server still has can be archived again.
    path.unlink()
    in_data(scene, "wal", "push", "--source", "shop", f"pg_wal/{name}")
    assert scene.verify()["damages"] == []


def test_a_damaged_tail_is_named_and_replaced_by_the_next_one(scene):
    rng = seeded()
    receiver = scene.program.start("wal", "stream", "shop")
    scene.server.execute("CREATE TABLE t AS SELECT 1 AS i")
    scene.wait_until_stored(scene.server.lsn())
    receiver.stop(code=0)
    (tail,) = objects(scene, "wal-tail")
    flip(tail, rng)
    damaged(scene, tail)
    tail.unlink()
    receiver = scene.program.start("wal", "stream", "shop")
    scene.server.execute("INSERT INTO t VALUES (2)")
    scene.wait_until_stored(scene.server.lsn())
    receiver.stop(code=0)
    assert scene.verify()["damages"] == []


def test_a_damaged_config_opens_nothing_and_is_never_replaced(scene):
    rng = seeded()
    path = scene.repository / "config"
    whole = path.read_bytes()
    flip(path, rng)
    for words in (("list",), ("verify",), ("backup", "shop"), ("init",)):
        result = scene.program.run(*words, code=6)
        assert "config" in result.err and "error: " in result.err, result
    path.chmod(0o600)
    path.write_bytes(whole)
    scene.backup()


def test_a_lost_config_is_not_made_anew_over_backups(scene):
    path = scene.repository / "config"
    whole = path.read_bytes()
    path.unlink()
    for command in ("list", "init"):
        assert "has lost its object config" in scene.program.run(command, code=6).err
    assert not path.exists()
    path.write_bytes(whole)
    path.chmod(0o644)
    assert len(scene.backups()) == 1
    scene.restore()


def test_a_damaged_key_is_named_and_the_other_one_opens(scene):
    rng = seeded()
    (path,) = objects(scene, "keys")
    spare = scene.workplace.path / "spare.key"
    scene.program.run("key", "add", "--key-file", spare)
    with_spare = {"HOLDFAST_REPOSITORY_MAIN_KEY_FILE": spare}
    flip(path, rng)
    result = scene.program.run("list", code=None)
    assert result.code in (2, 6) and "error: " in result.err, result
    damages = scene.program.json("verify", code=6, env=with_spare)["damages"]
    assert [damage["object"] for damage in damages] == [f"keys/{path.name}"]
    assert len(scene.program.json("list", "shop", env=with_spare)) == 1


def test_wal_that_a_backup_needs_and_is_gone_is_damage(scene):
    backup = scene.backups()[0]
    (segment,) = segments_in(scene.repository)[:1]
    segment.unlink()
    for level in ("list", "packs", "data"):
        result = scene.program.run("verify", "--json", "--level", level, code=6).json()
        (damage,) = result["damages"]
        assert segment.name.split(".")[0] in damage["object"] and [hit["backup"] for hit in damage["hits"]] == [backup], damage


def test_a_backup_with_lost_or_damaged_packs_protects_nothing(scene):
    """Neither status nor retention takes it for one that can be restored."""
    rng = seeded()
    receiver = scene.program.start("wal", "stream", "shop")
    scene.wait_until_stored(scene.server.lsn())
    scene.program.run("status", "shop", code=None)
    before = set(objects(scene, "packs"))
    scene.server.execute("CREATE TABLE added AS SELECT i, md5(i::text) FROM generate_series(1, 20000) AS i")
    good, bad = scene.backups()[0], scene.backup()["id"]
    flip(max(set(objects(scene, "packs")) - before, key=lambda path: path.stat().st_size), rng)
    scene.program.run("verify", code=6)
    (said,) = scene.program.run("status", "shop", "--json", code=None).json()["sources"]
    assert [one["id"] for one in said["incomplete_backups"]] == [bad] and said["state"] == "attention", said
    scene.program.configure(scene.program.config.read_text() + "[source.shop.retention]\nlast = 1\n")
    scene.program.run("forget", "shop", "--policy", code=None)
    assert sorted(scene.backups()) == sorted([good, bad])
    assert "no good cluster backup" in scene.program.run("forget", good, code=4).err
    for path in objects(scene, "packs"):
        path.unlink()
    assert scene.program.run("status", "shop", "--check", code=2).out.startswith("HOLDFAST CRITICAL")
    receiver.stop(code=0)


def test_a_source_that_nobody_knows_is_not_well(scene):
    for words in (("verify", "shpo"), ("list", "shpo"), ("repair", "shpo"), ("status", "shpo"), ("wal", "status", "shpo")):
        result = scene.program.run(*words, code=3)
        assert "there is no source shpo" in result.err, result
