"""Object lock: for its time nobody deletes what was stored, the owner of the bucket with the program in hand included."""

# ctest needs: rgw

import datetime

import pytest
from harness.object_store import RGW, new_bucket
from harness.places import BucketPlace
from harness.protection import LOCAL, check_sound, ledger_of
from harness.s3 import request

DAYS = 2
# What comes and goes in the ordinary course of things.
FLEETING = ("leases/", "prune/", "wal-tail/")


@pytest.fixture
def locked(object_stores, workplace, protect):
    access = object_stores.access(RGW)
    more = f'object_lock_mode = "compliance"\nobject_lock_days = {DAYS}\n'
    place = BucketPlace(new_bucket(access, workplace, lockable=True), access.endpoint, more=more)
    return protect(17, LOCAL, place=place)


def in_bucket(place, name):
    return f"{place.prefix}/{name}"


def check_locks(place, name):
    lock = place.bucket.locked_until(in_bucket(place, name))
    if name.startswith(FLEETING):
        assert lock is None, name
        return
    mode, until = lock
    now = datetime.datetime.now(datetime.timezone.utc)
    assert mode == "COMPLIANCE", name
    assert now + datetime.timedelta(days=DAYS, minutes=-10) < until <= now + datetime.timedelta(days=DAYS, seconds=1), name


def refuse_deleting(place, name):
    """For good, that is: by the version."""
    for version in place.bucket.versions(in_bucket(place, name)):
        path = f"/{place.bucket.name}/{in_bucket(place, name)}"
        assert request(place.bucket.access, "DELETE", path, query={"versionId": version})[0] == 403, name


def take_back_removals(place, names):
    """The marks of removal hide what is still there."""
    for name in names:
        newest, *earlier = place.bucket.versions(in_bucket(place, name))
        assert earlier, name
        place.bucket.remove_version(in_bucket(place, name), newest)


def test_what_is_locked_outlives_whoever_deletes_it(locked):
    locked.receive()
    locked.backup()
    locked.write(1001)
    locked.wait_until_stored()
    locked.stop_receiving()
    ledger = ledger_of(locked.server)
    place, stored = locked.place, locked.place.names()
    assert any(name.startswith("wal-tail/") for name in stored)
    for name in stored:
        check_locks(place, name)

    lasting = [name for name in stored if not name.startswith(FLEETING)]
    for name in lasting:
        refuse_deleting(place, name)
    for name in lasting:
        place.bucket.remove(in_bucket(place, name))
    assert not set(place.names()) & set(lasting)
    locked.program.run("list", code=3)

    take_back_removals(place, lasting)
    locked.program.run("verify", "shop", "--level", "data")
    restored = locked.recovered("restored")
    check_sound(restored, ledger)


def test_a_prune_hides_what_is_locked_and_it_can_be_taken_back(locked):
    first, second = locked.backup("--full"), locked.backup("--full")
    before = set(locked.place.names())
    locked.program.run("forget", first["id"])
    locked.program.run("prune", "--grace", "0s", "--short-grace")
    locked.program.run("prune", "--grace", "0s", "--short-grace", "--yes")
    assert [backup["id"] for backup in locked.program.json("list")] == [second["id"]]
    gone = before - set(locked.place.names())
    assert f"snapshots/{first['id']}" in gone and any(name.startswith("packs/") for name in gone)
    locked.program.run("verify", "shop", "--level", "data")

    take_back_removals(locked.place, gone)
    locked.place.bucket.remove(in_bucket(locked.place, f"snapshots/{first['id']}.del"))
    assert {backup["id"] for backup in locked.program.json("list")} == {first["id"], second["id"]}
    locked.program.run("verify", "shop", "--level", "data")
    check_sound(locked.recovered("restored", "--backup", first["id"], "--immediate"))
