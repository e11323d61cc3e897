"""The program under test."""

import os
import pathlib
import shutil

from harness.process import SERVER_USER, Background, run


class Holdfast:
    """Runs the program with a configuration of its own, as the servers' user unless told otherwise.

    The program is linked or copied into the workplace, because a build folder may lie where the servers' user, and so
    `archive_command`, cannot reach it. `path` is what to write into such commands.
    """

    def __init__(self, program, workplace, config="", env=None):
        self._workplace = workplace
        self._count = 0
        self.env = {"HOME": workplace.path, **(env or {})}
        self.path = _place(pathlib.Path(program), workplace)
        self.config = workplace.path / "holdfast.toml"
        self.configure(config)

    def configure(self, text):
        """Replaces the configuration file."""
        self._workplace.write(self.config.name, text)

    def _command(self, arguments):
        return (self.path, "--config", self.config, *arguments)

    def run(self, *arguments, code=0, user=SERVER_USER, env=None, stdin="", deadline=300):
        """Runs to the end; `code` is the exit status it must have, None when any will do."""
        return run(*self._command(arguments), user=user, env={**self.env, **(env or {})}, cwd=self._workplace.path,
                   stdin=stdin, deadline=deadline, code=code)

    def json(self, *arguments, **options):
        """What a command prints with --json."""
        return self.run("--json", *arguments, **options).json()

    def start(self, *arguments, user=SERVER_USER, env=None):
        """Runs beside the test, and is killed at its end when it still runs."""
        self._count += 1
        log = self._workplace.path / f"holdfast-{self._count}"
        process = Background(*self._command(arguments), out=f"{log}.out", err=f"{log}.err", user=user,
                             env={**self.env, **(env or {})}, cwd=self._workplace.path)
        self._workplace.at_end(lambda: process.kill() if process.running() else None)
        return process


def _place(program, workplace):
    if not os.access(program, os.X_OK):
        raise AssertionError(f"{program} is no program: build it first")
    place = workplace.path / "bin" / program.name
    if not place.exists():
        place.parent.mkdir(mode=0o755, exist_ok=True)
        try:
            os.link(program, place)
        except OSError:
            shutil.copy2(program, place)
    return place
