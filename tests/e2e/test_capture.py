"""A backup without a receiver brings its own WAL into the repository while it copies files: the server may have removed
that WAL long before the backup ends."""

import os
import signal

import pytest
from harness.gate import FileGate
from harness.process import eventually
from harness.protection import LOCAL, SQL, check_sound, ledger_of
from harness.scene import segments_at

MAJOR = 15
# A checkpoint leaves nothing that it does not need. The tests say when there is one.
_KEEPS_NOTHING = {"wal_keep_size": 0, "min_wal_size": "2MB", "checkpoint_timeout": "1h"}
_BY_ITSELF = " read from the server by the backup itself"


def archived(source):
    return [name.rpartition("/")[2].split(".")[0] for name in segments_at(source.place)]


def backup_slots(source):
    return source.server.value("SELECT count(*) FROM pg_replication_slots WHERE slot_name LIKE 'holdfast_backup_%'")


class SlowBackup:
    """A backup through SQL that stands still before a file of the cluster, until finish()."""

    def __init__(self, source):
        self._source = source
        self._gate = FileGate(source.workplace, source.server.data / "gate")
        self.process = source.program.start("--json", "backup", "shop")
        eventually(self._reached, "the backup to read the file that holds it up")
        self.segments = []

    def _reached(self):
        assert self.process.running(), self.process.wait()
        return self._gate.reached()

    def write_segment(self):
        """The server fills a segment, and a checkpoint follows once it is in the archive."""
        self._source.write(1001 + 50 * len(self.segments))
        name = self._source.server.switch_wal()
        eventually(lambda: name in archived(self._source), f"{name} to be archived", deadline=40)
        self._source.server.execute("CHECKPOINT")
        self.segments.append(name)

    def is_gone(self, segment):
        """Whether the server has removed it, given a chance."""
        self._source.server.execute("CHECKPOINT")
        return not (self._source.server.data / "pg_wal" / segment).exists()

    def finish(self, code=0):
        assert self.process.running()
        self._gate.open()
        return self.process.wait(code=code)


def source_without_slots(protect):
    return protect(MAJOR, SQL, wal_segment_mib=1, settings={**_KEEPS_NOTHING, "max_replication_slots": 0})


def source_whose_role_may_not_replicate(protect):
    source = protect(MAJOR, SQL, wal_segment_mib=1, settings=_KEEPS_NOTHING)
    source.server.execute("ALTER ROLE keeper NOREPLICATION")
    return source


def source_with_a_limit_on_slots(protect):
    return protect(MAJOR, SQL, wal_segment_mib=1, settings={**_KEEPS_NOTHING, "max_slot_wal_keep_size": "3MB"})


@pytest.mark.parametrize("make_source", [source_without_slots, source_whose_role_may_not_replicate,
                                         source_with_a_limit_on_slots])
def test_wal_is_captured_before_the_server_removes_it(protect, make_source):
    source = make_source(protect)
    backup = SlowBackup(source)
    for _ in range(5):
        backup.write_segment()
    eventually(lambda: backup.is_gone(backup.segments[0]), "the server to remove WAL of the running backup")
    result = backup.finish()
    assert _BY_ITSELF in result.err, result
    eventually(lambda: backup_slots(source) == "0", "the server to drop the backup's slot")
    check_sound(source.recovered("restored"), ledger_of(source.server))


def test_lost_wal_ends_the_backup(protect):
    source = source_without_slots(protect)
    backup = SlowBackup(source)
    ((follower,),) = eventually(
        lambda: source.server.rows("SELECT pid FROM pg_stat_activity WHERE usename = 'keeper' "
                                   "AND query LIKE '%pg_current_wal_flush_lsn()%'"), "the backup to follow the WAL")
    os.kill(int(follower), signal.SIGSTOP)  # nothing is captured meanwhile
    source.write(1001)
    lost = source.server.switch_wal()
    eventually(lambda: backup.is_gone(lost), "the server to remove WAL of the running backup")
    os.kill(int(follower), signal.SIGCONT)
    result = backup.finish(code=5)
    assert f"neither in the archive nor on the server any more: {lost}" in result.err + result.out, result
    assert source.program.json("list", "shop") == []


def test_a_slot_that_is_lost_is_made_again(protect):
    source = protect(MAJOR, SQL, wal_segment_mib=1, settings=_KEEPS_NOTHING)
    backup = SlowBackup(source)
    backup.write_segment()
    source.server.execute("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots")
    backup.write_segment()
    assert backup_slots(source) == "1"
    backup.finish()
    check_sound(source.recovered("restored"), ledger_of(source.server))


def test_what_a_receiver_brings_is_left_to_it(protect):
    source = protect(MAJOR, SQL, wal_segment_mib=1, settings=_KEEPS_NOTHING)
    source.receive()
    source.wait_until_stored()
    backup = SlowBackup(source)
    for _ in range(2):
        backup.write_segment()
    assert source.server.rows("SELECT temporary FROM pg_replication_slots ORDER BY slot_name") == [["t"], ["f"]]
    result = backup.finish()
    assert _BY_ITSELF not in result.err, result
    names = archived(source)
    assert len(names) == len(set(names))
    source.stop_receiving()
    check_sound(source.recovered("restored"), ledger_of(source.server))


def test_a_killed_backup_leaves_no_slot(protect):
    source = protect(MAJOR, SQL, wal_segment_mib=1)
    backup = SlowBackup(source)
    assert backup_slots(source) == "1"
    backup.process.kill()
    eventually(lambda: backup_slots(source) == "0", "the server to drop the slot of the killed backup")


def test_the_history_of_a_later_timeline_is_captured(protect):
    source = protect(MAJOR, LOCAL, wal_segment_mib=1)
    source.server.stop()
    source.server.write_file("standby.signal", "")
    source.server.start(settings={"fsync": "on"})
    source.server.execute("SELECT pg_promote()")
    source.server.wait_until_promoted()
    source.write(51)
    source.backup()
    check_sound(source.recovered("restored"), ledger_of(source.server))
