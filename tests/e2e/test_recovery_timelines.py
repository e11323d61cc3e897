"""A source is replaced by a restored copy of itself, twice; every moment of all three branches stays within reach."""

import pytest
from harness.postgres import MAJORS
from harness.process import eventually, run
from harness.protection import LOCAL, SQL, check_sound

SOURCES = [(major, method) for major, method in ((15, SQL), (17, LOCAL)) if major in MAJORS]


class Branches:
    """One lineage after the other: the first was left at a[1] for the second, and again at a[0] for the third."""

    def __init__(self, shop):
        self.shop = shop
        shop.receive()
        shop.backup()
        self.a = self.moments(1000)
        self.replace("second", self.a[1])
        self.b = self.moments(2000)
        shop.backup()
        self.b += self.moments(3000)
        self.replace("third", self.a[0])
        self.c = self.moments(4000)
        shop.stop_receiving()

    def moments(self, first):
        """Three moments, each with rows of its own, and a last change behind them."""
        moments = []
        for number in range(3):
            self.shop.write(first + 100 * number)
            moments.append(self.shop.moment())
        self.shop.write(first + 500)
        self.shop.wait_until_stored()
        return moments

    def replace(self, name, moment):
        shop = self.shop
        shop.stop_receiving()
        shop.server.stop()
        server = shop.server_on(shop.restore(name, "--at", moment.time, "--replaces-source"))
        shop.start(server).wait_until_promoted()
        shop.point_at(server)
        shop.receive()


@pytest.fixture(scope="module", params=SOURCES, ids=lambda source: f"{source[0]}-{source[1]}")
def branches(protect_for_all, request):
    return Branches(protect_for_all(*request.param))


def test_every_moment_of_every_timeline(branches):
    goals = [(1, branches.a[0]), (1, branches.a[2]), (2, branches.a[0]), (2, branches.b[0]), (2, branches.b[4]),
             (3, branches.c[1])]
    for number, (timeline, moment) in enumerate(goals):
        server = branches.shop.recovered(f"goal{number}", "--timeline", timeline, "--at", moment.time)
        check_sound(server, moment.ledger)


def test_latest_is_the_timeline_of_the_source(branches):
    server = branches.shop.recovered("latest", "--at", branches.c[2].time)
    check_sound(server, branches.c[2].ledger)


def test_a_time_of_another_branch_is_out_of_reach(branches):
    shop = branches.shop
    to = shop.workplace.path / "never"
    refused = shop.program.run("restore", "shop", "--to", to, "--timeline", 1, "--at", branches.b[1].time, code=3)
    assert "later than anything in the WAL archive" in refused.err
    unknown = shop.program.run("restore", "shop", "--to", to, "--timeline", 9, code=3)
    assert "timeline 9" in unknown.err
    assert not to.exists()


def test_a_copy_that_archives_by_mistake_is_not_followed_unasked(branches):
    shop = branches.shop
    copy = shop.recovered("stray")
    copy.execute("CREATE TABLE stray (i int)")
    segment = copy.switch_wal()
    eventually(lambda: (copy.data / "pg_wal" / "00000004.history").exists(), "the copy's history file")
    for name in ("00000004.history", segment):
        run(shop.program.path, "--config", shop.program.config, "wal", "push", "--source", "shop", f"pg_wal/{name}",
            cwd=copy.data)
    copy.stop()
    to = shop.workplace.path / "uncertain"
    refused = shop.program.run("restore", "shop", "--to", to, code=4)
    assert "--timeline 3" in refused.err and "--timeline 4" in refused.err
    assert not to.exists()
    check_sound(shop.recovered("certain", "--timeline", 3, "--at", branches.c[2].time), branches.c[2].ledger)
