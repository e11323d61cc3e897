"""What things occupy: the sums are the bytes that are really there, and what forgetting frees is what prune deletes."""

# ctest needs: rgw

import json

import pytest
from harness.object_store import RGW
from harness.places import bucket_at
from harness.scene import lsn, make_scene, segments_at, segments_in


def usage(scene, *arguments, code=0):
    return scene.program.json("usage", *arguments, code=code)


def bytes_below(folder):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_the_sums_are_what_is_there(workplace, holdfast, postgres):
    server = postgres(17, wal_segment_mib=1)
    scene = make_scene(workplace, holdfast, server, repository_settings='pack_size = "1MiB"')
    server.execute("CREATE TABLE t AS SELECT i, md5(i::text) AS text FROM generate_series(1, 50000) AS i")
    first = scene.backup()
    server.execute("UPDATE t SET text = 'new' WHERE i < 20000")
    second = scene.backup()
    seen = usage(scene)
    assert seen["all"]["bytes"] == bytes_below(scene.repository)
    assert seen["packs"]["bytes"] == bytes_below(scene.repository / "packs")
    (source,) = seen["sources"]
    of = {backup["id"]: backup for backup in source["backups"]}
    assert set(of) == {first["id"], second["id"]}
    assert source["packs"] == seen["packs"] and seen["packs_unneeded"]["bytes"] == 0
    of_first, of_second = of[first["id"]], of[second["id"]]
    assert 0 < of_second["unique"]["bytes"] < of_second["packs"]["bytes"]
    assert of_second["shared_bytes"] == of_second["packs"]["bytes"] - of_second["unique"]["bytes"]
    (log,) = source["wal"]
    summaries = [path for path in (scene.repository / "wal-summary").rglob("*") if path.is_file()]
    assert log["objects"] == len(segments_in(scene.repository)) + len(summaries) and lsn(log["from_lsn"]) < lsn(log["to_lsn"])
    assert seen["growth"]["bytes_7_days"] > 0 and seen["forecast_bytes_30_days"] is None and seen["cost"] is None

    # What goes with the first one is what goes.
    freed = of_first["unique"]["bytes"]
    scene.program.run("forget", first["id"])
    assert usage(scene)["packs_unneeded"]["bytes"] == freed
    grace = ("--grace", "0s", "--short-grace", "--yes")
    before = bytes_below(scene.repository / "packs")
    for _ in range(2):
        scene.program.run("prune", *grace)
    assert before - bytes_below(scene.repository / "packs") == freed

    # It needs no key; in words it names things; with prices it reckons.
    (workplace.path / "main.key").rename(workplace.path / "aside.key")
    priced = {"HOLDFAST_REPOSITORY_MAIN_PRICES_STORAGE": "1024", "HOLDFAST_REPOSITORY_MAIN_PRICES_CURRENCY": "JPY"}
    said = scene.program.run("usage", "shop", env=priced).out
    assert second["id"] in said and "JPY a month for storage" in said
    cost = json.loads(scene.program.run("--json", "usage", env=priced).out)["cost"]
    assert cost["storage"] == pytest.approx(usage(scene)["all"]["bytes"] / 2**20, rel=0.01)
    scene.program.run("usage", "nobody", code=3)
    wrong = scene.program.run("usage", env={"HOLDFAST_REPOSITORY_MAIN_PRICES_PUT": "cheap"}, code=2)
    assert "not a number" in wrong.err

    # A record that cannot be read is named, and nothing is claimed of what only one backup needs.
    (workplace.path / "aside.key").rename(workplace.path / "main.key")
    record = next(path for path in (scene.repository / "snapshots").rglob("*")
                  if path.is_file() and path.name in second["id"])
    record.chmod(0o600)
    record.write_bytes(record.read_bytes()[:100])
    broken = usage(scene, code=1)
    assert second["id"] in broken["unreadable"][0] and broken["packs_unneeded"] is None


def test_requests_to_a_bucket_are_counted(object_stores, workplace, holdfast, postgres):
    scene = make_scene(workplace, holdfast, postgres(17, wal_segment_mib=1),
                       place=bucket_at(object_stores.access(RGW), workplace))
    backup = scene.backup()
    asked = backup["requests"]
    # Each object that it put is a request at least; the record itself comes after the count.
    assert asked["put"] >= len(scene.place.names("packs/")) + len(segments_at(scene.place))
    assert asked["bytes_sent"] >= backup["bytes_stored"] > 0
    assert asked["list"] > 0 and asked["get"] > 0
    (source,) = usage(scene)["sources"]
    recorded = source["requests_of_backups_30_days"]
    assert recorded["backups"] == 1 and recorded["backups_that_tell_nothing"] == 0 and recorded["requests"] == asked
    prices = {"HOLDFAST_REPOSITORY_MAIN_PRICES_PUT": "5", "HOLDFAST_REPOSITORY_MAIN_PRICES_GET": "0.4"}
    cost = json.loads(scene.program.run("--json", "usage", env=prices).out)["cost"]
    assert cost["requests"] == pytest.approx(
        (asked["put"] + asked["list"]) * 5 / 1000 + (asked["get"] + asked["head"]) * 0.4 / 1000)
    assert "requests  " in scene.program.run("show", backup["id"]).out

    # Of WAL there is an estimate, which says so: so much for each file that is there.
    files = len(segments_at(scene.place))
    estimate = source["requests_of_wal_30_days_estimate"]
    assert estimate["files"] == files and estimate["put"] >= files and estimate["list"] >= files
    assert cost["requests_of_wal_estimate"] == pytest.approx(
        (estimate["put"] + estimate["list"]) * 5 / 1000 + (estimate["get"] + estimate["head"]) * 0.4 / 1000)
    assert f"estimated from {files} file" in scene.program.run("usage", env=prices).out


def test_every_command_says_what_it_asked_of_a_bucket(object_stores, workplace, holdfast, postgres):
    scene = make_scene(workplace, holdfast, postgres(17, wal_segment_mib=1),
                       place=bucket_at(object_stores.access(RGW), workplace))
    scene.backup()
    restored = scene.program.json("restore", "shop", "--to", scene.new_folder(), "--immediate")
    made = restored["requests_made"]["main"]
    assert made["get"] > 0 and made["bytes_received"] > 0
    # Where it is asked for it is one line, also after a failure; else nothing.
    said = scene.program.run("verify", "--verbose").err
    assert said.count("requests made to repository main: put ") == 1
    assert "requests made to repository main" in scene.program.run("--verbose", "show", "shop/none", code=3).err
    assert "requests made" not in scene.program.run("verify").err


def test_a_directory_is_asked_for_nothing_that_is_paid(workplace, holdfast, postgres):
    scene = make_scene(workplace, holdfast, postgres(17, wal_segment_mib=1))
    scene.backup()
    (source,) = usage(scene)["sources"]
    assert source["requests_of_wal_30_days_estimate"] is None and "requests_made" not in scene.program.json("verify")
    assert "requests made" not in scene.program.run("--verbose", "usage").err
