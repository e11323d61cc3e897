"""One command, measured."""

import dataclasses
import os
import statistics
import subprocess
import tempfile
import time

from harness.process import SERVER_USER, as_user, environment


@dataclasses.dataclass(frozen=True)
class Sample:
    seconds: float
    cpu: float         # user and system time of the command and its children; not the server's
    memory_mib: float  # the largest resident set of any one process
    stored_mib: float | None = None

    def facts(self):
        return dataclasses.asdict(self)

    def __str__(self):
        stored = "" if self.stored_mib is None else f"  stored {self.stored_mib:8.1f} MiB"
        return f"{self.seconds:8.2f} s  CPU {self.cpu:7.2f} s  memory {self.memory_mib:6.0f} MiB{stored}"

    @staticmethod
    def median(samples):
        def middle(name):
            values = [getattr(s, name) for s in samples if getattr(s, name) is not None]
            return statistics.median(values) if values else None
        return Sample(*(middle(f.name) for f in dataclasses.fields(Sample)))


def measured(*command, env=None, cwd="/", user=SERVER_USER):
    """Runs the command to its successful end. GNU time reports on the command with all it waited for."""
    with tempfile.NamedTemporaryFile("r", prefix="hf-time") as report:
        os.chmod(report.name, 0o666)
        os.sync()  # what others left to be written is not this one's work
        begin = time.monotonic()
        done = subprocess.run(["/usr/bin/time", "-f", "%U %S %M", "-o", report.name, *map(str, command)], env=environment(env),
                              cwd=cwd, capture_output=True, text=True, check=False, **as_user(user))
        seconds = time.monotonic() - begin
        if done.returncode not in (0, 1):
            raise RuntimeError(f"{command} ended with {done.returncode}: {done.stdout}{done.stderr}")
        user_time, system_time, kib = report.read().split()[-3:]
    return Sample(seconds, float(user_time) + float(system_time), int(kib) / 1024)
