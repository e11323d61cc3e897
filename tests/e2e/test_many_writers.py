"""Several hosts back up into one repository while others forget and prune all the time: what was committed stays whole."""

# ctest needs: rgw

import os
import threading
import time

import pytest
from harness.object_store import RGW
from harness.places import bucket_at, directory_in

WRITERS = 4
# Each writer goes on for so long, and for three backups at least.
SECONDS = float(os.environ.get("HOLDFAST_STRESS_SECONDS", "0"))
ROUNDS = 3
REPOSITORY = """
[repository.main]
{place}key_file = "{path}/main.key"
pack_size = "1MiB"
"""
SOURCE = """
[source.{name}]
connection = "{conninfo}"
jobs = 1
[source.{name}.retention]
last = 2
"""
# Into new files, of about 3 MiB in packs: most of these nothing else needs.
_WRITE_LEDGER = """
BEGIN;
TRUNCATE ledger_{name};
INSERT INTO ledger_{name} SELECT {round}, string_agg(md5(random()::text), '') FROM generate_series(1, 160000) AS i GROUP BY i / 10;
COMMIT
"""
# A list that is condemned in one run is executed in the next.
PRUNE = ("prune", "--grace", "0s", "--short-grace", "--allow-share", "100")


class Host:
    """One of the hosts, which backs up the source of its own name; it shares nothing with the others but the repository."""

    def __init__(self, name, server, program):
        self.name, self.server, self.program = name, server, program
        self.rounds = {}  # by backup
        server.execute(f"CREATE TABLE ledger_{name} (round int, text text)")

    def work(self):
        """Writes and backs up. A backup that lost a race with prune says so, and the next one is made."""
        end, number = time.monotonic() + SECONDS, 0
        while time.monotonic() < end or len(self.rounds) < ROUNDS:
            number += 1
            assert number < 100 * ROUNDS + SECONDS * 10, "hardly any backup is committed"
            self.server.execute(_WRITE_LEDGER.format(name=self.name, round=number))
            result = self.program.run("--json", "backup", self.name, code=None)
            assert result.code in (0, 1, 4), result
            if result.code != 4:
                self.rounds[result.json()["id"]] = number

    def listed(self):
        return [backup["id"] for backup in self.program.json("list", self.name)]


class Helper(threading.Thread):
    """A thread whose failure is the test's."""

    def __init__(self, work):
        super().__init__(daemon=True)
        self._work, self.failure = work, None
        self.start()

    def run(self):
        try:
            self._work()
        except BaseException as failure:  # pylint: disable=broad-except
            self.failure = failure

    def finish(self):
        self.join()
        if self.failure:
            raise self.failure


class Pruner:
    """Forgets and prunes without a pause. Two of these meet, and one of both then finds its work done."""

    def __init__(self, program):
        self.program, self.done, self.removed = program, threading.Event(), 0
        self._thread = Helper(self._work)

    def _work(self):
        # What was condemned last is deleted too.
        while not self.done.is_set() or self._once() > 0:
            self._once()

    def _once(self):
        for words in (("forget", "--policy", "--yes"), PRUNE):
            result = self.program.run("--json", *words, code=None)
            assert result.code in (0, 1), result
        amounts = result.json()["packs"]
        self.removed += amounts["removed"]["objects"]
        return sum(amounts[what]["objects"] for what in ("removed", "condemned", "waiting"))

    def finish(self):
        self.done.set()
        self._thread.finish()


@pytest.fixture(params=["directory", RGW])
def hosts(request, object_stores, workplace, holdfast, postgres):
    server = postgres(15, wal_segment_mib=1)
    place = directory_in(workplace) if request.param == "directory" else bucket_at(object_stores.access(RGW), workplace)
    names = [f"shop{number}" for number in range(WRITERS)]
    config = REPOSITORY.format(place=place.settings(), path=workplace.path)
    config += "".join(SOURCE.format(name=name, conninfo=server.conninfo()) for name in names)
    made = [Host(name, server, holdfast(config, env={"HOLDFAST_STATE_DIRECTORY": f"{workplace.path}/state-{name}"}))
            for name in names]
    made[0].program.run("init")
    return made


def test_what_was_committed_beside_prunes_verifies_and_restores(hosts, workplace, postgres_on):
    program = hosts[0].program
    pruners = [Pruner(program) for _ in range(2)]
    writers = [Helper(host.work) for host in hosts]
    try:
        for writer in writers:
            writer.finish()
    finally:
        for pruner in pruners:
            pruner.done.set()
    for pruner in pruners:
        pruner.finish()
    assert sum(pruner.removed for pruner in pruners) > 0
    assert program.json("verify", "--level", "data")["damages"] == []
    for host in hosts:
        kept = host.listed()
        assert kept and set(kept) <= set(host.rounds), "only what was told to be committed is listed"
        folder = workplace.path / f"restored-{host.name}"
        host.program.run("restore", host.name, "--to", folder, "--backup", kept[-1], "--immediate", code=None)
        copy = postgres_on(15, folder).start()
        copy.wait_until_promoted()
        assert copy.value(f"SELECT DISTINCT round FROM ledger_{host.name}") == str(host.rounds[kept[-1]])
        copy.stop()
