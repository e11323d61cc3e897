"""Forgetting and pruning in a bucket."""

# ctest needs: rgw

from harness.object_store import RGW
from harness.places import bucket_at
from harness.retention import back_up, ids, packs, prune_to_the_end, retained_scene, round_of, segment_of, segments


def test_what_nothing_needs_is_deleted_and_the_rest_restores(object_stores, workplace, holdfast, postgres, postgres_on):
    server = postgres(15, wal_segment_mib=1, settings={"archive_mode": "on"})
    place = bucket_at(object_stores.access(RGW), workplace)
    scene = retained_scene(workplace, holdfast, server, "last = 2", place)
    made = back_up(scene, range(3))
    whole = packs(scene)
    assert scene.program.json("forget", "--policy")["forgotten"] == ids(made)[:1]
    prune_to_the_end(scene)
    assert packs(scene) < whole
    assert segments(scene)[0] == segment_of(scene, made[1]["start_lsn"])
    assert scene.place.names("snapshots/") == [f"snapshots/{backup}" for backup in ids(made)[1:]]
    assert scene.verify()["damages"] == []
    restored = scene.restore("--backup", ids(made)[1], "--immediate", "--jobs", "8")
    assert round_of(postgres_on(15, restored)) == 1
