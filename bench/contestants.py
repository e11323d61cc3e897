"""Who takes part, and how each does a step. `do` returns a Sample, or None where it has no such step."""

import dataclasses
import pathlib
import shutil

from harness.process import run
from measure import Sample, measured
from race import CHANGED

WAL_SEGMENTS = 40
MIB = 2**20


def size_of(folder):
    return sum(f.stat().st_size for f in pathlib.Path(folder).rglob("*") if f.is_file()) / MIB


class Contestant:
    def __init__(self, workplace, server, program):
        self.workplace = workplace
        self.server = server
        self.program = program
        self.folder = workplace.folder(type(self).__name__)

    def reset(self):
        """An empty repository."""
        for entry in self.folder.iterdir():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()

    def do(self, step):
        if step in CHANGED:
            return self.second()
        return {"first backup": self.first, "restore": self.restore, "in place": self.in_place, "in place, trusted": self.trusted,
                "WAL": self.wal}[step]()

    def stored(self, action, folder):
        """The sample of `action`, with what it added to `folder`."""
        before = size_of(folder) if folder.exists() else 0
        sample = action()
        return dataclasses.replace(sample, stored_mib=size_of(folder) - before)

    def first(self):
        return None

    second = restore = in_place = trusted = wal = first

    def take_stopped(self, data):
        """A copy of the stopped cluster, for those who restore in place."""
        if type(self).in_place is Contestant.in_place:
            return
        place = self.folder / "stopped"
        if place.exists():
            shutil.rmtree(place)
        measured("cp", "-a", data, place, user="root")

    def wal_segments(self):
        """Whole segments of pg_wal, the newest of them."""
        current = self.server.switch_wal()
        names = sorted(f for f in (self.server.data / "pg_wal").iterdir() if len(f.name) == 24 and f.name <= current)
        return names[-WAL_SEGMENTS:]

    def target(self):
        place = self.folder / "restored"
        if place.exists():
            shutil.rmtree(place)
        return place


class HoldfastLocal(Contestant):
    name = "holdfast (local)"
    local = True

    def repository(self):
        """Where its repository is, for the configuration."""
        return f'url = "file://{self.folder}/repository"'

    def reset(self):
        super().reset()
        directory = f'data_directory = "{self.server.data}"' if self.local else ""
        self.config = self.workplace.write(f"{type(self).__name__}.toml", f"""
state_directory = "{self.folder}/state"
[repository.main]
{self.repository()}
key_file = "{self.folder}/main.key"
[source.shop]
connection = "{self.server.conninfo()}"
{directory}
""")
        self._run("init")

    def _command(self, *arguments):
        return (self.workplace.path / "holdfast", "--config", self.config, "--no-progress", *arguments)

    def _run(self, *arguments):
        program = self.workplace.path / "holdfast"
        if not program.exists():
            shutil.copy2(self.program, program)
            program.chmod(0o755)
        return run(*self._command(*arguments))

    def first(self):
        return self.stored(lambda: measured(*self._command("backup", "shop")), self.folder / "repository")

    second = first

    def restore(self):
        return measured(*self._command("restore", "shop", "--immediate", "--to", self.target()))

    def in_place(self, *options):
        return measured(*self._command("restore", "shop", "--immediate", "--in-place", *options, "--to", self.folder / "stopped"))

    def trusted(self):
        return self.in_place("--trust-history")

    def wal(self):
        if not self.local:
            return None
        script = " && ".join(" ".join(map(str, self._command("wal", "push", "--source", "shop", segment)))
                             for segment in self.wal_segments())
        return self.stored(lambda: measured("sh", "-c", script, cwd=self.server.data), self.folder / "repository")


class HoldfastSql(HoldfastLocal):
    name = "holdfast (SQL)"
    local = False


class BaseBackup(Contestant):
    """Plain files, as they are: no compression, no encryption, no checksum of its own."""
    name = "pg_basebackup"

    def first(self):
        place = self.target()
        return self.stored(lambda: measured(self.server.programs / "pg_basebackup", "-c", "fast", "-X", "none", "-D", place,
                                            env=self.server.environment()), place)

    second = first


class PgBackRest(Contestant):
    """Debian's, with what holdfast does too: zstd at level 1, encryption, two processes."""
    name = "pgbackrest"

    def repository(self):
        """Where its repository is, for the configuration."""
        return f"repo1-path={self.folder}/repository"

    def reset(self):
        super().reset()
        for name in ("repository", "log", "lock", "spool"):
            (self.folder / name).mkdir()
            shutil.chown(self.folder / name, "postgres", "postgres")
        self.config = self.workplace.write("pgbackrest.conf", f"""
[global]
{self.repository()}
repo1-cipher-type=aes-256-cbc
repo1-cipher-pass=benchmark
log-path={self.folder}/log
lock-path={self.folder}/lock
spool-path={self.folder}/spool
compress-type=zst
compress-level=1
process-max=2
start-fast=y
archive-check=n
log-level-console=error
[shop]
pg1-path={self.server.data}
pg1-port={self.server.port}
pg1-socket-path={self.server.sockets}
pg1-user=postgres
""")
        run(*self._command("stanza-create"))

    def _command(self, *arguments):
        return ("pgbackrest", "--config", self.config, "--stanza", "shop", *arguments)

    def first(self):
        return self.stored(lambda: measured(*self._command("--type=full", "backup")), self.folder / "repository")

    def second(self):
        return self.stored(lambda: measured(*self._command("--type=incr", "backup")), self.folder / "repository")

    def restore(self):
        place = self.target()
        place.mkdir(mode=0o700)
        shutil.chown(place, "postgres", "postgres")
        return measured(*self._command("--pg1-path", place, "--archive-mode=off", "restore"))

    def in_place(self):
        return measured(*self._command("--pg1-path", self.folder / "stopped", "--archive-mode=off", "--delta", "restore"))

    trusted = in_place  # the same again, to be compared with

    def wal(self):
        script = " && ".join(" ".join(map(str, self._command("archive-push", segment))) for segment in self.wal_segments())
        return self.stored(lambda: measured("sh", "-c", script, cwd=self.server.data), self.folder / "repository")


class Restic(Contestant):
    """The same files of the running server, as they happen to be: no backup of a cluster, the work of a good file backup."""
    name = "restic (files)"

    def reset(self):
        super().reset()
        measured(*self._command("init"), env=self._environment())

    def repository(self):
        """Its location, with options that go with it."""
        return (f"{self.folder}/repository",)

    def _environment(self):
        return {"RESTIC_PASSWORD": "benchmark", "RESTIC_CACHE_DIR": f"{self.folder}/cache"}

    def _command(self, *arguments):
        location, *options = self.repository()
        return ("restic", "--quiet", *options, "-r", location, *arguments)

    def first(self):
        return self.stored(lambda: measured(*self._command("backup", self.server.data / "base"), env=self._environment()),
                           self.folder / "repository")

    second = first

    def restore(self):
        place = self.target()
        place.mkdir(mode=0o700)
        shutil.chown(place, "postgres", "postgres")
        return measured(*self._command("restore", "latest", "--target", place), env=self._environment())


class Copy(Contestant):
    """What the disk allows: cp and sync."""
    name = "cp + sync"

    def first(self):
        place = self.target()
        return measured("sh", "-c", f"cp -r {self.server.data}/base {place} && sync -f {place}")

    def restore(self):
        return self.first()
