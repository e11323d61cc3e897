"""A source that holdfast protects, moments of it to come back to, and the proof that a restored cluster is sound."""

import dataclasses
import signal

from harness.postgres import OFFICIAL_IMAGE, PASSWORD, ClusterOptions, new_server, server_on
from harness.process import eventually
from harness.program import Holdfast

_CONFIG = """
state_directory = "{path}/state"
[repository.main]
{place}key_file = "{path}/main.key"
[source.shop]
connection = "{conninfo}"
{more}
"""
# Relations that come, change and go while a backup reads.
_CHURN = """
DROP TABLE IF EXISTS churn_:client_id;
CREATE TABLE churn_:client_id AS SELECT generate_series(1, 500) AS i;
CREATE INDEX ON churn_:client_id (i);
TRUNCATE churn_:client_id;
INSERT INTO churn_:client_id SELECT generate_series(1, 100);
VACUUM churn_:client_id;
"""
_BOOKS_BALANCE = """
SELECT (SELECT sum(abalance) FROM pgbench_accounts) = (SELECT coalesce(sum(delta), 0) FROM pgbench_history)
   AND (SELECT sum(tbalance) FROM pgbench_tellers) = (SELECT coalesce(sum(delta), 0) FROM pgbench_history)
   AND (SELECT sum(bbalance) FROM pgbench_branches) = (SELECT coalesce(sum(delta), 0) FROM pgbench_history)
"""
# Left by a recovery or a standby of long ago. Each of them would ruin a recovery or what comes after it.
_LEFT_SETTINGS = """
recovery_target_time = '2020-01-01 00:00:00+00'
recovery_target_inclusive = off
recovery_target_action = shutdown
recovery_target_timeline = '77'
restore_command = 'false'
recovery_end_command = 'touch was-run'
archive_cleanup_command = 'touch was-run'
recovery_min_apply_delay = '1d'
primary_conninfo = 'host=nowhere'
primary_slot_name = 'nobody'
synchronous_standby_names = '*'
external_pid_file = 'was-run'
archive_mode = on
"""
_ROLE = "keeper"

LOCAL, SQL = "local", "sql"


@dataclasses.dataclass(frozen=True)
class Moment:
    """A moment between two changes of the ledger, and what the ledger held then."""
    time: str
    lsn: str
    ledger: tuple


def ledger_of(server):
    """Count and digest of the table that tests write to."""
    (row,) = server.rows("SELECT count(*), md5(string_agg(l::text, ';' ORDER BY id)) FROM ledger AS l")
    return tuple(row)


def lsn_value(text):
    high, low = text.split("/")
    return int(high, 16) << 32 | int(low, 16)


class Protection:
    """A running source called shop, a repository for it at `place`, and the program that keeps them together.

    `method` is how the cluster's files are read: LOCAL from the data directory, or SQL as a role without superuser
    rights that comes from outside. WAL comes from a receiver unless receive() is never called.
    """

    def __init__(self, program, workplace, place, major, method=LOCAL, settings=None, prepare=None, **options):
        self.major, self.method, self.workplace, self.place = major, method, workplace, place
        if method == SQL:
            options = {"hba": OFFICIAL_IMAGE, **options}
        self.server = new_server(workplace, major, options=ClusterOptions(settings=settings or {}, **options))
        if prepare:
            prepare(self.server)
        self.program = Holdfast(program, workplace)
        self.receiver = None
        self.point_at(self.start(self.server))
        self.program.run("init")
        if method == SQL:
            self._make_role()
        self.server.execute("CREATE TABLE ledger (id int PRIMARY KEY, text text); CREATE EXTENSION amcheck")
        self.write(1)

    @staticmethod
    def start(server):
        # Without fsync a backup warns, and rightly.
        return server.start(settings={"fsync": "on"})

    def point_at(self, server):
        """From now on `server` is the source."""
        self.server = server
        more = f'data_directory = "{server.data}"' if self.method == LOCAL else ""
        conninfo = server.conninfo() if self.method == LOCAL else server.outside_conninfo(user=_ROLE)
        self.program.configure(_CONFIG.format(path=self.workplace.path, place=self.place.settings(),
                                              conninfo=conninfo, more=more))

    def _make_role(self):
        self.server.execute(f"CREATE ROLE {_ROLE} LOGIN PASSWORD '{PASSWORD}'")
        self.server.execute(self.program.run("check", "shop", "--grants").out)

    # -- the source

    def write(self, first, count=50):
        """Rows of the ledger, in a transaction of their own, whose id is returned."""
        return self.server.rows(f"""
            BEGIN;
            INSERT INTO ledger SELECT i, md5(i::text) FROM generate_series({first}, {first + count - 1}) AS i;
            SELECT pg_current_xact_id();
            COMMIT""")[0][0]

    def moment(self):
        """Now. Whatever is written later has a later commit time."""
        ledger = ledger_of(self.server)
        (row,) = self.server.rows("""
            SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
                   pg_current_wal_insert_lsn()""")
        return Moment(*row, ledger)

    def leave_settings(self):
        """Settings that would ruin a recovery, in a file that postgresql.conf includes; the running server never reads it."""
        self.server.write_file("left.conf", _LEFT_SETTINGS)
        with open(self.server.data / "postgresql.conf", "a", encoding="utf-8") as conf:
            conf.write("include_if_exists = 'left.conf'\n")

    def load(self):
        """pgbench's transactions and relations that come and go, until stopped."""
        churn = self.workplace.write("churn.sql", _CHURN, mode=0o644)
        return self.server.pgbench_background("-c2", "-R150", "-b", "tpcb-like@30", "-f", f"{churn}@1")

    # -- the program

    def receive(self):
        """Starts a receiver (again)."""
        self.receiver = self.program.start("wal", "stream", "shop")
        return self.receiver

    def stop_receiving(self):
        self.receiver.stop(signal.SIGTERM, code=0)

    def wait_until_stored(self):
        """Until the receiver has brought all WAL that the source has written into the repository."""
        ((wanted, segment),) = self.server.rows("SELECT lsn, pg_walfile_name(lsn) FROM pg_current_wal_flush_lsn() AS lsn")
        timeline = int(segment[:8], 16)

        def stored():
            if not self.receiver.running():
                raise AssertionError(self.receiver.wait())
            state = self.program.run("wal", "status", "shop", "--json", code=None).json()["receiver"]
            # A position says nothing without its timeline: the one before may have gone further.
            return (state and state["timeline"] == timeline and state["stored_lsn"]
                    and lsn_value(state["stored_lsn"]) >= lsn_value(wanted))
        eventually(stored, f"WAL up to {wanted} to be stored")

    def backup(self, *arguments, code=0):
        return self.program.json("backup", "shop", *arguments, code=code)

    def restore(self, name, *arguments, code=0):
        """Restores to a directory of the workplace, which is returned."""
        to = self.workplace.path / name
        self.program.run("restore", "shop", "--to", to, *arguments, code=code)
        return to

    def server_on(self, data):
        """A server on a restored directory that was checked against its manifest; not started."""
        server = server_on(self.workplace, self.major, data)
        server.tool("pg_verifybackup", data)
        return server

    def recovered(self, name, *arguments, code=0):
        """Restores, checks the manifest, starts, and waits for the end of recovery."""
        server = self.server_on(self.restore(name, *arguments, code=code))
        server.start().wait_until_promoted()
        return server


def check_sound(server, ledger=None, *, pgbench=False, checksums=True):
    """What is restored holds `ledger` and is whole: tables, indexes, pages. Stops the server."""
    if ledger is not None:
        assert ledger_of(server) == ledger
    if pgbench:
        assert server.value(_BOOKS_BALANCE) == "t"
    assert server.value("SHOW archive_mode") == "off"
    assert server.value("SELECT current_setting('synchronous_standby_names') = ''") == "t"
    assert not list(server.data.glob("was-run"))
    if server.major >= 14:
        server.tool("pg_amcheck", "--heapallindexed", "postgres")
    server.stop()
    if checksums:
        server.tool("pg_checksums", "--check", "-D", server.data)
