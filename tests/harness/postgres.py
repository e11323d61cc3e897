"""Real PostgreSQL servers."""

import csv
import dataclasses
import functools
import io
import os
import pathlib
import signal
import subprocess

from harness.passage import Passage
from harness.process import Background, CommandFailed, SERVER_USER, descendants_of, eventually, kill_all, run

ALL_MAJORS = (13, 15, 17, 18)
# The majors to test, all of them unless HOLDFAST_MAJORS=15,17 says otherwise.
MAJORS = tuple(int(major) for major in os.environ.get("HOLDFAST_MAJORS", "").split(",") if major) or ALL_MAJORS

SERVERS_TOOL = pathlib.Path(__file__).parents[2] / "tools" / "postgres-servers"
PASSWORD = "correct horse"

# Everyone on this machine may do everything.
TRUST_LOCAL = "trust-local"
# What the entry point of the official container image writes: as above for the container itself, and everyone else with a
# password, but no line that lets anyone else replicate.
OFFICIAL_IMAGE = "official-image"
# As Debian makes it, but that the superuser needs not be the operating system's user postgres.
DEBIAN = "debian"

_STOP_SIGNALS = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}

# Small and quick. A test that cuts the machine's power, not only a process, must set fsync on.
_SETTINGS = {
    "shared_buffers": "32MB",
    "max_connections": "30",
    "fsync": "off",
    "timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    "lc_messages": "C",
}


@functools.lru_cache(maxsize=None)
def programs_of(major):
    """The folder with a major's programs, which are made runnable when they are not yet. A missing server is a failure."""
    for command in ("ensure", "bindir"):
        done = subprocess.run([SERVERS_TOOL, command, str(major)], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise AssertionError(f"PostgreSQL {major} cannot run here: {done.stderr}")
    return pathlib.Path(done.stdout.strip())


@dataclasses.dataclass(frozen=True)
class ClusterOptions:
    """How a new cluster is made."""
    checksums: bool = True
    wal_segment_mib: int = 16
    hba: str = TRUST_LOCAL
    settings: dict = dataclasses.field(default_factory=dict)


def hba_lines(hba, major):
    trusted = [f"{kind} {database} all {address} trust"
               for database in ("all", "replication")
               for kind, address in (("local", ""), ("host", "127.0.0.1/32"), ("host", "::1/128"))]
    if hba == TRUST_LOCAL:
        return trusted
    if hba == OFFICIAL_IMAGE:
        # The image writes what password_encryption is by default.
        return trusted + [f"host all all all {'scram-sha-256' if major >= 14 else 'md5'}"]
    if hba == DEBIAN:
        return ["local all postgres trust", "local all all peer", "host all all 127.0.0.1/32 scram-sha-256",
                "local replication all peer", "host replication all 127.0.0.1/32 scram-sha-256"]
    raise ValueError(f"{hba} is no kind of pg_hba.conf")


class PostgresServer:
    """One cluster and its server. The superuser is `postgres`, its password PASSWORD.

    `data` may be a folder that holds a cluster already, for example a restored one; then nothing in it is changed: port,
    addresses and the settings above are given to the server on its command line.
    """

    def __init__(self, major, workplace, data, name):
        self.major = major
        self.programs = programs_of(major)
        self.data = pathlib.Path(data)
        self.port = workplace.port()
        self.sockets = workplace.folder(f"{name}.s")
        self.log_path = workplace.path / f"{name}.log"
        self._workplace = workplace
        self._process = None
        self._passage = None
        workplace.servers.append(self)
        workplace.at_end(self.close)

    # -- life

    def initdb(self, options):
        password = self._workplace.write(f"{self.data.name}.password", PASSWORD)
        words = ["--no-sync", "--locale=C", "--encoding=UTF8", "--username=postgres", f"--pwfile={password}",
                 "--auth=trust", f"--wal-segsize={options.wal_segment_mib}"]
        if options.checksums:
            words.append("--data-checksums")
        elif self.major >= 18:
            words.append("--no-data-checksums")
        self.tool("initdb", "-D", self.data, *words)
        self.write_file("pg_hba.conf", "\n".join(hba_lines(options.hba, self.major)) + "\n")
        self.configure(options.settings)

    def write_file(self, name, text):
        """Replaces a file of the data directory."""
        path = self.data / name
        path.write_text(text)
        path.chmod(0o600)
        if os.geteuid() == 0:
            owner = self.data.stat()
            os.chown(path, owner.st_uid, owner.st_gid)

    def configure(self, settings):
        """Adds to postgresql.conf; a running server reads it at once, where a setting does not need a restart."""
        quoted = "".join("{} = '{}'\n".format(k, str(v).replace("'", "''")) for k, v in settings.items())
        with open(self.data / "postgresql.conf", "a", encoding="utf-8") as conf:
            conf.write(quoted)
        if self.running():
            self._process.send(signal.SIGHUP)

    def launch(self, settings=None):
        """Starts without waiting; `settings` hold for this run only and win over every file."""
        if self.running():
            raise AssertionError(f"PostgreSQL {self.major} runs already")
        fixed = {"port": self.port, "unix_socket_directories": self.sockets, "listen_addresses": "127.0.0.1"}
        words = [f"-c{k}={v}" for k, v in {**_SETTINGS, **fixed, **(settings or {})}.items()]
        self._process = Background(self.programs / "postgres", "-D", self.data, *words, out=self.log_path,
                                   err=self.log_path, cwd=self._workplace.path, death_signal=signal.SIGQUIT)

    def start(self, settings=None, deadline=120):
        """Starts, and waits until connections are accepted."""
        self.launch(settings)
        self.wait_until_ready(deadline)
        return self

    def wait_until_ready(self, deadline=120):
        """Waits until connections are accepted, read-only ones of a standby included."""
        def ready():
            if not self.running():
                raise CommandFailed(f"PostgreSQL {self.major} ended\n{self.log()[-8000:]}")
            return self._pid_file_says_ready()
        try:
            eventually(ready, f"PostgreSQL {self.major} to accept connections", deadline)
        except CommandFailed as failed:
            raise CommandFailed(f"{failed}\n{self.log()[-8000:]}") from None

    def _pid_file_says_ready(self):
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) >= 8 and int(lines[0]) == self._process.pid and lines[7].strip() in ("ready", "standby")

    def wait_until_promoted(self, deadline=120):
        """Waits until recovery has ended and the server takes writes."""
        self.wait_until_ready(deadline)
        eventually(lambda: self.value("SELECT pg_is_in_recovery()") == "f", "the end of recovery", deadline)

    def running(self):
        return self._process is not None and self._process.running()

    def process(self):
        """The postmaster, as harness.process.Background."""
        return self._process

    def stop(self, mode="fast", deadline=120):
        """smart, fast or immediate. Only the first two write a shutdown checkpoint, and must succeed."""
        return self._process.stop(_STOP_SIGNALS[mode], deadline, code=None if mode == "immediate" else 0)

    def restart(self):
        self.stop()
        return self.start()

    def kill(self):
        """kill -9 for the server and all that it started, as when the machine dies under them."""
        self._process.send(signal.SIGSTOP)
        others = descendants_of(self._process.pid)
        self._process.kill()
        kill_all(others)

    def close(self):
        """Leaves nothing behind, whatever state the test left the server in."""
        if self._passage:
            self._passage.close()
        if self.running():
            self.kill()
        self._remove_shared_memory()

    def _remove_shared_memory(self):
        """A killed server leaves a System V segment; its id is in the seventh line of postmaster.pid."""
        try:
            identifier = (self.data / "postmaster.pid").read_text().splitlines()[6].split()[1]
        except (FileNotFoundError, IndexError):
            return
        run("ipcrm", "-m", identifier, code=None)

    def log(self):
        return self.log_path.read_text(errors="backslashreplace") if self.log_path.exists() else ""

    # -- talking to it

    def environment(self, **more):
        """PG* variables that lead any client here, through the Unix socket."""
        return {"PGHOST": self.sockets, "PGPORT": self.port, "PGUSER": "postgres", "PGDATABASE": "postgres",
                "PGCONNECT_TIMEOUT": 20, **more}

    def conninfo(self, **more):
        """A libpq connection string: Unix socket, superuser. conninfo(host="127.0.0.1") goes over TCP."""
        words = {"host": self.sockets, "port": self.port, "user": "postgres", "dbname": "postgres", **more}
        return " ".join(f"{k}='{v}'" for k, v in words.items())

    def outside_conninfo(self, **more):
        """As conninfo(), over TCP from an address that is not this machine's 127.0.0.1; brings the password."""
        return self.conninfo(**{"host": "127.0.0.1", "port": self.passage().port, "password": PASSWORD, **more})

    def passage(self):
        """The way by which clients come from outside; cut() breaks their connections."""
        if self._passage is None:
            self._passage = Passage(self.port)
        return self._passage

    def tool(self, name, *arguments, code=0, env=None, deadline=300, user=SERVER_USER):
        """Runs a program of this major (pg_verifybackup, pg_amcheck, pg_basebackup ...), connected here by default."""
        return run(self.programs / name, *arguments, user=user, code=code, deadline=deadline,
                   env=self.environment(**(env or {})), cwd=self._workplace.path)

    def psql(self, sql, *, conninfo=None, database="postgres", code=0, deadline=300):
        """Runs SQL through psql, one statement or many, stopping at the first error (then the exit status is 3)."""
        where = conninfo or self.conninfo(dbname=database)
        return run(self.programs / "psql", "-XqAt", "--csv", "-v", "ON_ERROR_STOP=1", "-d", where, "-f", "-", stdin=sql,
                   env=self.environment(), code=code, deadline=deadline)

    def execute(self, sql, **options):
        self.psql(sql, **options)

    def rows(self, sql, **options):
        """The rows as lists of strings; NULL and the empty string look alike."""
        return list(csv.reader(io.StringIO(self.psql(sql, **options).out)))

    def value(self, sql, **options):
        """The single value of the single row."""
        (row,) = self.rows(sql, **options)
        (value,) = row
        return value

    def lsn(self):
        return self.value("SELECT pg_current_wal_lsn()")

    def switch_wal(self):
        """Ends the current segment and returns its file name."""
        return self.value("SELECT pg_walfile_name(pg_switch_wal())")

    # -- load

    def pgbench_init(self, scale=1, database="postgres"):
        self.tool("pgbench", "-i", "-q", "-s", scale, database)

    def pgbench(self, *arguments, database="postgres", deadline=300):
        """Runs pgbench to its end; for example pgbench("-c2", "-t100")."""
        return self.tool("pgbench", "-n", *arguments, database, deadline=deadline)

    def pgbench_background(self, *arguments, database="postgres"):
        """Load until stopped (at the latest by the test's end)."""
        log = self._workplace.path / f"{self.log_path.stem}.pgbench"
        process = Background(self.programs / "pgbench", "-n", "-T", 3600, *(arguments or ("-c2",)), database,
                             out=f"{log}.out", err=f"{log}.err", env=self.environment())
        self._workplace.at_end(lambda: process.kill() if process.running() else None)
        return process


def new_server(workplace, major, name=None, options=None):
    """A new cluster, its server not started."""
    name = name or f"pg{major}-{len(workplace.servers)}"
    server = PostgresServer(major, workplace, workplace.folder(name), name)
    server.initdb(options or ClusterOptions())
    return server


def server_on(workplace, major, data, name=None):
    """A server for a data directory that is there, on a port of its own; not started."""
    return PostgresServer(major, workplace, data, name or f"pg{major}-{len(workplace.servers)}")
