"""A cluster, a repository and the program between them: what most end-to-end tests begin with."""

import dataclasses
import os
import pathlib
import random

from harness.process import eventually, run

CONFIG = """
state_directory = "{path}/state"
[repository.main]
url = "file://{repository}"
key_file = "{path}/main.key"
{repository_settings}
[source.shop]
connection = "{conninfo}"
{source_settings}
"""


@dataclasses.dataclass
class Scene:
    """`server` is backed up as source shop by `program` to `repository`."""
    workplace: object
    server: object
    program: object
    repository: pathlib.Path
    restored: int = 0

    def backup(self, *arguments, **options):
        """Makes a backup and returns what was said of it. The test servers' fsync = off is worth a warning, no more."""
        result = self.program.run("--json", "backup", "shop", *arguments, code=None, **options)
        assert result.code in (0, 1), result
        backup = result.json()
        assert all("fsync = off" in warning for warning in backup["warnings"]), result
        return backup

    def backups(self):
        return [backup["id"] for backup in self.program.json("list", "shop")]

    def verify(self, code=0):
        """`verify --level data` as JSON."""
        return self.program.json("verify", "--level", "data", code=code)

    def new_folder(self):
        self.restored += 1
        return self.workplace.path / f"restored-{self.restored}"

    def restore(self, *arguments, to=None):
        to = to or self.new_folder()
        result = self.program.run("restore", "shop", "--to", to, *arguments, code=None)
        assert result.code in (0, 1), result
        return to

    def status(self):
        return self.program.run("wal", "status", "shop", "--json", code=None).json()

    def stored_up_to(self):
        """Where the archived WAL ends, as a number; 0 when there is none."""
        ends = [lsn(r["end_lsn"]) for s in self.status()["systems"] for t in s["timelines"] for r in t["ranges"]]
        return max(ends, default=0)

    def wait_until_stored(self, position, deadline=60):
        eventually(lambda: self.stored_up_to() >= lsn(position), f"the archive to reach {position}", deadline)

    def compare_archive(self):
        """Every segment that both the archive and the server have must be the same; returns how many that are."""
        compared = 0
        target = self.server.data / "pg_wal" / "COMPARED"
        for path in segments_in(self.repository):
            name = path.name.split(".")[0]
            original = self.server.data / "pg_wal" / name
            before = original.read_bytes() if original.exists() else None
            run(self.program.path, "--config", self.program.config, "wal", "fetch", "--source", "shop", name,
                "pg_wal/COMPARED", cwd=self.server.data)
            if before is not None and original.exists():
                assert target.read_bytes() == before, f"{name} differs from the server's"
                compared += 1
            target.unlink()
        return compared


def lsn(text):
    """A position as a number."""
    high, low = text.split("/")
    return int(high, 16) << 32 | int(low, 16)


def segments_in(repository):
    """The objects that are whole WAL segments."""
    return sorted(path for path in pathlib.Path(repository, "wal").rglob("*.*")
                  if path.is_file() and len(path.name.split(".")[0]) == 24)


def make_scene(workplace, holdfast, server, *, repository=None, repository_settings="", source_settings="",
               conninfo=None):
    repository = pathlib.Path(repository or workplace.path / "repository")
    program = holdfast(CONFIG.format(path=workplace.path, repository=repository,
                                     conninfo=(conninfo or server.conninfo()).replace('"', '\\"'),
                                     repository_settings=repository_settings, source_settings=source_settings))
    program.run("init")
    return Scene(workplace, server, program, repository)


def seeded():
    """Random numbers for a test; the seed is printed, and HOLDFAST_SEED repeats a run."""
    seed = int(os.environ.get("HOLDFAST_SEED", random.SystemRandom().randrange(1 << 32)))
    print(f"HOLDFAST_SEED={seed}")
    return random.Random(seed)
