"""A cluster, a repository and the program between them: what most end-to-end tests begin with."""

import dataclasses
import os
import pathlib
import random

from harness.places import DirectoryPlace
from harness.process import eventually, run

CONFIG = """
state_directory = "{path}/state"
[repository.main]
{place}key_file = "{path}/main.key"
{repository_settings}
[source.shop]
connection = "{conninfo}"
{source_settings}
"""


@dataclasses.dataclass
class Scene:
    """`server` is backed up as source shop by `program` to the repository at `place`."""
    workplace: object
    server: object
    program: object
    place: object
    restored: int = 0

    @property
    def repository(self):
        """The folder of a repository that lies in one."""
        return self.place.path

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

    def receive(self):
        """Starts a receiver, which has stored all that the server has written when this returns.

        It is asked itself: the archive may hold as much from a backup while the receiver is still on its way to it.
        """
        receiver = self.program.start("wal", "stream", "shop")
        position = self.server.lsn()

        def stored():
            if not receiver.running():
                raise AssertionError(receiver.wait())
            state = self.status()["receiver"]
            return state and state["running"] and state["stored_lsn"] and lsn(state["stored_lsn"]) >= lsn(position)
        eventually(stored, f"the receiver to have stored {position}")
        return receiver

    def wait_until_stored(self, position, deadline=60):
        eventually(lambda: self.stored_up_to() >= lsn(position), f"the archive to reach {position}", deadline)

    def compare_archive(self):
        """Every segment that both the archive and the server have must be the same; returns how many that are."""
        compared = 0
        target = self.server.data / "pg_wal" / "COMPARED"
        for name in (name.rpartition("/")[2].split(".")[0] for name in segments_at(self.place)):
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


def segments_at(place):
    """The names of the objects that are whole WAL segments."""
    return [name for name in place.names("wal/") if len(name.rpartition("/")[2].split(".")[0]) == 24]


def segments_in(repository):
    """As segments_at(), as paths of a directory."""
    return [pathlib.Path(repository, name) for name in segments_at(DirectoryPlace(repository))]


def scene_config(workplace, place, conninfo, repository_settings="", source_settings=""):
    return CONFIG.format(path=workplace.path, place=place.settings(), conninfo=conninfo.replace('"', '\\"'),
                         repository_settings=repository_settings, source_settings=source_settings)


def make_scene(workplace, holdfast, server, *, repository=None, place=None, conninfo=None, init=True, **settings):
    """In the folder `repository`, at `place`, or in a directory of the workplace; initialised unless told otherwise."""
    place = place or DirectoryPlace(pathlib.Path(repository or workplace.path / "repository"))
    program = holdfast(scene_config(workplace, place, conninfo or server.conninfo(), **settings))
    if init:
        program.run("init")
    return Scene(workplace, server, program, place)


def refused(scene, *arguments, code, says, hint=True, env=None, cwd=None, secrets=()):
    """The command must fail with `code`; its standard error is one sentence that holds `says`, and hints."""
    if cwd is None:
        result = scene.program.run(*arguments, code=code, env=env)
    else:
        result = run(scene.program.path, "--config", scene.program.config, *arguments, cwd=cwd, code=code, env=env)
    assert result.out == "", result
    errors = [line for line in result.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, result
    assert says in errors[0], result
    sentence = errors[0].removeprefix("error: ")
    assert not sentence[0].isupper() or sentence.split()[0].isupper() or sentence[1:2].isupper(), result
    assert not sentence.endswith("."), result
    assert not hint or "\nhint: " in result.err, result
    assert not any(secret in result.err for secret in secrets), result
    return result.err


def seeded():
    """Random numbers for a test; the seed is printed, and HOLDFAST_SEED repeats a run."""
    seed = int(os.environ.get("HOLDFAST_SEED", random.SystemRandom().randrange(1 << 32)))
    print(f"HOLDFAST_SEED={seed}")
    return random.Random(seed)
