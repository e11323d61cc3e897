"""A source of which it is known what each of its backups alone needs."""

from harness.process import eventually
from harness.scene import make_scene, scene_config, segments_at

# Deletes what the run before condemned: nothing else works on a test's repository.
PRUNE = ("prune", "--grace", "0s", "--short-grace")
# Small packs, filled by one reader: each backup has some in which nothing is but its own ledger.
_REPOSITORY = 'pack_size = "1MiB"'
_SOURCE = 'wal = "push"\njobs = 1\n[source.shop.retention]\n{}'
# Into new files, of about 3 MiB in packs.
_WRITE_LEDGER = """
BEGIN;
TRUNCATE ledger;
INSERT INTO ledger SELECT {round}, string_agg(md5(random()::text), '') FROM generate_series(1, 160000) AS i
  GROUP BY i / 10;
COMMIT
"""


def retained_scene(workplace, holdfast, server, rules, place=None):
    """`server` pushes its WAL, and has a ledger that each backup finds written anew; `rules` are its retention."""
    scene = make_scene(workplace, holdfast, server, place=place, repository_settings=_REPOSITORY,
                       source_settings=_SOURCE.format(rules))
    push = f"{scene.program.path} --config {scene.program.config} wal push --source shop %p"
    server.configure({"archive_command": push})
    server.execute("CREATE TABLE ledger (round int, text text)")
    return scene


def configure(scene, rules):
    """Other rules of retention."""
    scene.program.configure(scene_config(scene.workplace, scene.place, scene.server.conninfo(),
                                         repository_settings=_REPOSITORY, source_settings=_SOURCE.format(rules)))


def back_up(scene, rounds, *arguments):
    """The backups of so many rounds."""
    made = []
    for number in rounds:
        scene.server.execute(_WRITE_LEDGER.format(round=number))
        made.append(scene.backup(*arguments))
    return made


def round_of(server):
    """What round a restored copy's ledger is of. Stops the server."""
    server.start().wait_until_promoted()
    (value,) = {row[0] for row in server.rows("SELECT DISTINCT round FROM ledger")}
    server.stop()
    return int(value)


def ids(backups):
    return [backup["id"] for backup in backups]


def packs(scene):
    return set(scene.place.names("packs/"))


def segments(scene):
    """Names of the archived segments, as the server calls them."""
    return sorted(name.rpartition("/")[2].split(".")[0] for name in segments_at(scene.place))


def segment_of(scene, lsn):
    return scene.server.value(f"SELECT pg_walfile_name('{lsn}')")


def wait_until_archived(scene):
    """Until all WAL that the source has written is in the archive."""
    wanted = scene.server.switch_wal()
    eventually(lambda: wanted in segments(scene), f"{wanted} to be archived")


def prune_twice(scene):
    """What the first run condemned and the second deleted."""
    condemning, deleting = scene.program.json(*PRUNE), scene.program.json(*PRUNE)
    assert condemning["packs"]["removed"]["objects"] == 0
    assert deleting["packs"]["removed"] == condemning["packs"]["condemned"]
    assert deleting["packs"]["condemned"]["objects"] == 0
    return deleting


def prune_to_the_end(scene):
    """Until nothing is left to delete: where a store's clock goes by whole seconds, the last of it takes some runs."""
    def idle():
        result = scene.program.json(*PRUNE)
        amounts = [result["packs"], *result["wal"]]
        return not any(amount[what]["objects"] for amount in amounts for what in ("removed", "condemned", "waiting"))
    eventually(idle, "nothing to be left to delete")
