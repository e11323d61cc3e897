"""A receiver as synchronous standby: what a client was told is committed survives the loss of the server."""

import time

import pytest
from harness.process import Background, eventually
from harness.scene import lsn, make_scene, seeded

ROUNDS = 4
ROWS = 20000


class Client:
    """Inserts one row a transaction; what the server acknowledged is in a file."""

    def __init__(self, server, workplace, first):
        script = workplace.write(f"insert-{first}.sql", "".join(
            f"INSERT INTO ledger VALUES ({number}) RETURNING number;\n" for number in range(first, first + ROWS)))
        self._out = workplace.path / f"insert-{first}.out"
        self.process = Background(server.programs / "psql", "-XqAt", "-d", server.conninfo(), "-f", script,
                                  out=self._out, err=f"{self._out}.err", env=server.environment())
        workplace.at_end(lambda: self.process.kill() if self.process.running() else None)

    def acknowledged(self):
        lines = self._out.read_text().split("\n")
        return [int(line) for line in lines[:-1]]


@pytest.fixture
def scene(workplace, holdfast, postgres):
    server = postgres(15, wal_segment_mib=1)
    server.execute("CREATE TABLE ledger (number int PRIMARY KEY)")
    made = make_scene(workplace, holdfast, server, conninfo=server.conninfo(application_name="holdfast"),
                      source_settings='tail_interval = "30s"')
    made.backup()
    server.configure({"synchronous_standby_names": "holdfast"})
    return made


def synchronous(server):
    return server.rows("SELECT sync_state FROM pg_stat_replication WHERE application_name = 'holdfast'") == [["sync"]]


def upload_by_flush(scene):
    flushed = scene.program.json("wal", "flush", "shop")
    assert flushed["segments"] >= 1
    assert scene.stored_up_to() >= lsn(flushed["end_lsn"])


def upload_by_receiver(scene, end):
    """A receiver that finds its server gone stores what it holds all the same."""
    receiver = scene.program.start("wal", "stream", "shop")
    scene.wait_until_stored(end)
    assert receiver.running()
    receiver.stop(code=0)


def ledger_restored(scene, postgres_on):
    restored = postgres_on(15, scene.restore()).start({"synchronous_standby_names": ""})
    restored.wait_until_promoted()
    numbers = {int(row[0]) for row in restored.rows("SELECT number FROM ledger")}
    restored.stop("fast")
    return numbers


def test_every_acknowledged_row_survives_the_loss_of_server_and_receiver(workplace, scene, postgres_on):
    rng = seeded()
    acknowledged = set()
    for turn in range(ROUNDS):
        if turn > 0:
            scene.server.start()
        receiver = scene.program.start("wal", "stream", "shop")
        eventually(lambda: synchronous(scene.server), "the receiver to be the synchronous standby")
        client = Client(scene.server, workplace, turn * ROWS)
        eventually(client.acknowledged, "the first row")
        time.sleep(rng.uniform(0.0, 1.5))
        for kill in rng.sample([receiver.kill, scene.server.kill], 2):
            kill()
        client.process.wait()
        acknowledged |= set(client.acknowledged())
        if turn % 2 == 0:
            upload_by_flush(scene)
        else:
            warned = scene.program.run("restore", "shop", "--to", scene.new_folder(), "--dry-run", code=1)
            end = warned.err.split("has WAL up to ")[1].split(",")[0]
            assert "holdfast wal flush shop" in warned.err
            upload_by_receiver(scene, end)
        missing = acknowledged - ledger_restored(scene, postgres_on)
        assert not missing, f"{len(missing)} of {len(acknowledged)} acknowledged rows are lost: {sorted(missing)[:10]}"
    print(f"{len(acknowledged)} acknowledged rows, none lost")


def test_a_commit_waits_for_the_receiver(scene):
    receiver = scene.program.start("wal", "stream", "shop")
    eventually(lambda: synchronous(scene.server), "the receiver to be the synchronous standby")
    scene.server.execute("INSERT INTO ledger VALUES (1)")
    receiver.kill()
    client = Client(scene.server, scene.workplace, 2)
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
    eventually(lambda: scene.server.value(waiting) == "1", "the client to wait")
    assert client.acknowledged() == []
    scene.program.start("wal", "stream", "shop")
    eventually(client.acknowledged, "the commit to be acknowledged")


def test_a_flush_is_refused_where_it_could_not_do_its_work(scene):
    nothing = scene.program.run("wal", "flush", "shop", code=3)
    assert "there is no spool" in nothing.err and "hint: " in nothing.err
    receiver = scene.program.start("wal", "stream", "shop")
    eventually(lambda: synchronous(scene.server), "the receiver to be the synchronous standby")
    assert "another receiver is using the spool" in scene.program.run("wal", "flush", "shop", code=4).err
    receiver.stop(code=0)
    first = scene.program.json("wal", "flush", "shop")
    assert scene.program.json("wal", "flush", "shop") == first
