"""Backups are forgotten, by policy and by name, and pruned: what goes is what nothing needs, and the rest restores."""

import os

import pytest
from harness.process import eventually
from harness.retention import (PRUNE, back_up, configure, ids, packs, prune_to_the_end, prune_twice, retained_scene,
                               round_of, segment_of, segments, wait_until_archived)
from harness.scene import refused


@pytest.fixture
def scene(workplace, holdfast, postgres):
    """A source whose retention keeps the last two backups."""
    server = postgres(15, wal_segment_mib=1, settings={"archive_mode": "on"})
    return retained_scene(workplace, holdfast, server, "last = 2")


def test_a_dry_run_tells_what_is_forgotten_and_what_is_kept_and_why(scene):
    first, second, third = ids(back_up(scene, range(3)))
    dry = scene.program.json("forget", "--policy", "--dry-run")
    said = scene.program.run("forget", "--policy", "shop", "--dry-run").out.splitlines()
    assert scene.backups() == [first, second, third]
    (series,) = dry["series"]
    assert series["policy"] == "source shop: last 2"
    assert [(b["id"], b["forgotten"]) for b in series["backups"]] == [(third, False), (second, False), (first, True)]
    assert series["backups"][0]["reasons"] == ["newest good backup", "last"]
    assert said[0] == "shop, kind cluster, source shop: last 2"
    done = scene.program.run("forget", "--policy", "shop").out.splitlines()
    assert done[:-1] == said[:-1]
    assert (said[-1], done[-1]) == ("1 of 3 backups would be forgotten", "1 of 3 backups forgotten")
    assert dry["forgotten"] == [first]
    assert scene.backups() == [second, third]
    listed = scene.program.json("list", "shop", "--forgotten")
    assert [(b["id"], b["state"]) for b in listed] == [(first, "forgotten"), (second, "listed"), (third, "listed")]
    assert "forgotten" in scene.program.run("list", "--forgotten").out
    refused(scene, "show", first, code=3, says="has been forgotten")
    again = scene.program.json("forget", "--policy")
    assert again["forgotten"] == []


def test_what_nothing_needs_is_deleted_and_the_rest_restores(scene, postgres_on):
    made = back_up(scene, range(4))
    wait_until_archived(scene)
    kept = ids(made)[2:]
    whole, log = packs(scene), segments(scene)
    scene.program.run("forget", "--policy")
    key = scene.workplace.path / "main.key"
    key.rename(scene.workplace.path / "aside.key")  # whoever prunes need not be able to read

    dry = scene.program.json(*PRUNE, "--dry-run")
    assert packs(scene) == whole and scene.place.names("prune/") == []
    condemning = scene.program.json(*PRUNE)
    assert {**condemning, "dry_run": True} == {**dry, "next_due": condemning["next_due"]}
    assert condemning["next_due"] and packs(scene) == whole and segments(scene) == log
    deleting = scene.program.json(*PRUNE)
    assert deleting["packs"]["removed"]["objects"] == len(whole - packs(scene)) > 0
    (archive,) = deleting["wal"]
    oldest_needed = segment_of(scene, made[2]["start_lsn"])
    assert archive["removed"]["objects"] > 0
    assert segments(scene) == [name for name in log if name >= oldest_needed] != log
    prune_to_the_end(scene)
    assert "no deletion is due" in scene.program.run(*PRUNE, "--dry-run").out

    refused(scene, "list", code=2, says="cannot use the key file", hint=False)
    (scene.workplace.path / "aside.key").rename(key)
    assert scene.backups() == kept
    assert [backup["id"] for backup in scene.program.json("list", "--forgotten")] == kept
    assert scene.verify()["damages"] == []
    for backup, expected in zip(kept, (2, 3), strict=True):
        assert round_of(postgres_on(15, scene.restore("--backup", backup, "--immediate"))) == expected
    scene.server.execute("UPDATE ledger SET round = 9")
    wait_until_archived(scene)
    assert round_of(postgres_on(15, scene.restore("--backup", kept[0]))) == 9


def grow_older(scene, backups):
    """As if they had been made three days ago: the clock of a directory is its files' times."""
    for backup in backups:
        path = scene.repository / "snapshots" / backup["id"]
        os.utime(path, (path.stat().st_atime, path.stat().st_mtime - 3 * 86400))


def test_a_window_limits_the_wal_and_each_backup_keeps_its_own(scene, postgres_on):
    made = back_up(scene, range(4))
    wait_until_archived(scene)
    configure(scene, "wal_days = 2")
    own = [(segment_of(scene, backup["start_lsn"]), segment_of(scene, backup["stop_lsn"])) for backup in made]
    log = segments(scene)
    # Every moment of the last two days is reached from the third backup or the fourth.
    grow_older(scene, made[:3])
    refused(scene, "forget", "--policy", "shop", code=2, says="no retention is configured for source shop")
    prune_twice(scene)
    needed = [name for name in log if name >= own[2][0] or any(first <= name <= last for first, last in own[:2])]
    assert segments(scene) == needed
    assert any(own[0][1] < name < own[1][0] for name in log)
    assert scene.verify()["damages"] == []
    assert round_of(postgres_on(15, scene.restore("--backup", made[0]["id"], "--immediate"))) == 0
    assert round_of(postgres_on(15, scene.restore("--backup", made[2]["id"]))) == 3


def test_pins_keep_a_backup_until_they_are_taken_off(scene):
    first, second = ids(back_up(scene, range(2)))
    (by_option,) = ids(back_up(scene, range(2, 3), "--pin"))
    (last,) = ids(back_up(scene, range(3, 4)))
    configure(scene, "last = 1")
    pinned = scene.program.json("pin", first, "--until", "2d")
    assert pinned["backup"] == first and pinned["pinned_until"]
    assert scene.program.run("pin", second).out == f"{second} is kept until it is unpinned\n"
    shown = {backup["id"]: (backup["pinned"], bool(backup["pinned_until"])) for backup in scene.program.json("list")}
    assert shown == {first: (True, True), second: (True, False), by_option: (True, False), last: (False, False)}
    assert "pinned until 2" in scene.program.run("list").out
    assert "until it is unpinned" in scene.program.run("show", by_option).out
    assert scene.program.json("forget", "--policy")["forgotten"] == []
    for backup in (first, second, by_option):
        assert f"holdfast unpin {backup}" in refused(scene, "forget", backup, code=4, says="is pinned")
    for backup in (second, by_option):
        assert scene.program.json("unpin", backup)["removed"] == 1
    assert "was not pinned" in scene.program.run("unpin", by_option).out
    assert scene.program.json("forget", "--policy")["forgotten"] == [by_option, second]
    prune_twice(scene)
    assert scene.backups() == [first, last]
    assert scene.verify()["damages"] == []


def test_a_forgotten_backup_that_is_pinned_stays_with_all_that_it_needs(scene):
    first, _, last = ids(back_up(scene, range(3)))
    scene.program.run("pin", first)
    # As an administrator might, past the program.
    (scene.repository / "snapshots" / f"{first}.del").write_text("{}")
    whole = packs(scene)
    kept = prune_twice(scene)["backups_kept"]
    assert [(backup["id"], "pin" in backup["why"]) for backup in kept] == [(first, True)]
    assert packs(scene) == whole
    scene.program.run("unpin", first)
    prune_twice(scene)
    assert packs(scene) < whole
    assert scene.backups()[-1] == last and scene.verify()["damages"] == []


def test_what_the_store_does_not_let_go_is_told_and_goes_later(scene):
    back_up(scene, range(3))
    scene.program.run("forget", "--policy")
    scene.program.run(*PRUNE)
    whole = packs(scene)
    folders = [path for path in (scene.repository / "packs").iterdir() if path.is_dir()]
    for folder in folders:
        folder.chmod(0o500)
    refusing = scene.program.run("--json", *PRUNE, code=1)
    assert any("did not let" in warning for warning in refusing.json()["warnings"]) and "did not let" in refusing.err
    assert packs(scene) == whole
    for folder in folders:
        folder.chmod(0o700)
    assert scene.program.json(*PRUNE)["packs"]["removed"]["objects"] == len(whole - packs(scene)) > 0
    assert scene.verify()["damages"] == []


def test_the_last_good_backup_is_never_deleted(scene):
    old, good = ids(back_up(scene, range(2)))
    of_good = packs(scene)
    (bad,) = ids(back_up(scene, range(2, 3)))
    configure(scene, "last = 1")
    assert scene.program.json("forget", "--policy", "--dry-run")["forgotten"] == [good, old]
    refused(scene, "forget", old, good, bad, code=4, says="no good cluster backup of shop would be left")
    # The newest one loses a pack that it alone needs: it is no good any more.
    (scene.repository / min(packs(scene) - of_good)).unlink()
    refused(scene, "forget", old, good, code=4, says="no good cluster backup of shop would be left")
    stopped = scene.program.run("forget", "--policy", code=4)
    assert "nothing of shop is forgotten: the newest backup" in stopped.err and "missing" in stopped.err
    assert scene.program.json("forget", "--policy", "--despite-warnings", code=1)["forgotten"] == [old]
    assert scene.program.run("forget", "--policy", code=1).out.endswith("0 of 2 backups forgotten\n")
    refused(scene, *PRUNE, code=6, says="is not there")
    assert scene.backups() == [good, bad]

    scene.program.run("forget", bad)
    prune_twice(scene)
    assert packs(scene) < of_good
    refused(scene, "forget", "shop/latest", code=4, says="would be left")
    assert scene.verify()["damages"] == []


def test_even_the_last_backup_goes_when_that_is_said(scene):
    back_up(scene, range(1))
    scene.program.run("forget", "shop/latest", "--even-last")
    assert scene.backups() == []
    refused(scene, *PRUNE, code=4, says="no backup needs any")
    assert scene.program.json(*PRUNE, "--dry-run", "--yes")["packs"]["condemned"]["objects"] == len(packs(scene))
    eventually(lambda: scene.program.run(*PRUNE, "--yes") and not scene.place.names("snapshots/"), "its record to go")
    assert not packs(scene) and segments(scene) == []


def test_bad_input_is_refused_with_a_sentence_and_a_hint(scene):
    first, last = ids(back_up(scene, range(2)))
    scene.program.run("pin", first)
    for words, code, says in (
            (("forget", "shop/20200101T000000Z-0000"), 3, "no backup is called"),
            (("forget", first, "shop/20200101T000000Z-0000"), 3, "no backup is called"),
            (("forget", "shop/2"), 2, "could be 2 backups"),
            (("forget", "shop"), 2, "shop is a source"),
            (("forget",), 2, "no backup is named"),
            (("forget", first), 4, "is pinned"),
            (("forget", "--policy", "shpo"), 2, "no source"),
            (("forget", "--policy", "--even-last"), 2, "--policy"),
            (("forget", first, "--yes"), 2, "--policy"),
            (("forget", "--policy", "--allow-share", "101"), 2, "--allow-share"),
            (("pin", "shop/20200101T000000Z-0000"), 3, "no backup is called"),
            (("pin", last, "--until", "soon"), 2, "neither a time nor a duration"),
            (("pin", last, "--until", "2020-01-01"), 2, "over already"),
            (("unpin", "shop/2"), 2, "could be 2 backups"),
            (("prune", "--grace", "1h"), 2, "too short"),
            (("prune", "--grace", "soon"), 2, "not a duration")):
        refused(scene, *words, code=code, says=says)
    assert scene.backups() == [first, last]
    assert scene.place.names("prune/") == []
    for rules, says in (("last = 0", "keeps nothing"), ("days = -1", "days"), ("within = \"soon\"", "not a duration"),
                        ("wal_days = 0", "wal_days"), ("full = 3", "unknown key")):
        configure(scene, rules)
        assert "source.shop.retention" in refused(scene, "forget", "--policy", code=2, says=says, hint=False)
