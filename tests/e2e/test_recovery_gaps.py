"""WAL is missing in between: what lies in front of the gap is recovered, and nobody is told that this were all."""

import pytest
from harness.postgres import MAJORS
from harness.protection import check_sound


def pushed(shop, segment):
    shop.program.run("wal", "push", "--source", "shop", shop.server.data / "pg_wal" / segment)


@pytest.fixture(params=[major for major in (15, 17) if major in MAJORS])
def shop(protect, request):
    """Three segments after the backup, each with changes of its own; the second one never came to the archive."""
    made = protect(request.param)
    made.receive()
    made.backup()
    made.stop_receiving()
    made.write(1001)
    made.write(2001)
    made.last = made.moment()
    made.write(3001)
    made.server.switch_wal()  # ends what the receiver had begun
    segments = []
    for first in (4001, 5001):
        made.write(first)
        segments.append(made.server.switch_wal())
    made.missing, later = segments
    first_segment = made.server.value(f"SELECT pg_walfile_name('{made.last.lsn}')")
    for segment in (first_segment, later):
        pushed(made, segment)
    return made


def test_the_latest_is_in_front_of_the_gap_and_said_not_to_be_the_latest(shop):
    everything_in_front = shop.program.json("restore", "shop", "--to", shop.workplace.path / "never", "--dry-run", code=1)
    assert everything_in_front["gap"]["missing"] == shop.missing
    (warning,) = everything_in_front["warnings"]
    assert "not the latest" in warning and shop.missing in warning and shop.last.time[:10] in warning
    server = shop.server_on(shop.restore("latest", code=1)).start()
    server.wait_until_promoted()
    assert server.value("SELECT max(id) FROM ledger") == "3050"
    check_sound(server)


def test_a_time_close_to_the_gap_is_reached(shop):
    # The server reads ahead, into the gap, before it has arrived.
    check_sound(shop.recovered("time", "--at", shop.last.time), shop.last.ledger)
    shop.program.run("restore", "shop", "--to", shop.workplace.path / "never", "--at", "2099-01-01T00:00:00Z", code=3)
    pushed(shop, shop.missing)
    whole = shop.recovered("whole")
    assert whole.value("SELECT max(id) FROM ledger") == "5050"
    check_sound(whole)
