"""Processes that a test runs: with the right user, a clean environment, a deadline, and never outliving the test."""

import ctypes
import dataclasses
import json
import os
import pathlib
import pwd
import shlex
import signal
import subprocess
import time

# PostgreSQL refuses to run as root; under root everything runs as the user that Debian's server packages create.
SERVER_USER = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)


class CommandFailed(AssertionError):
    """A command ended otherwise than the test said it would."""


@dataclasses.dataclass(frozen=True)
class Result:
    command: tuple
    code: int  # the exit status; -N when killed by signal N
    out: str
    err: str

    def json(self):
        return json.loads(self.out)

    def __str__(self):
        return f"$ {shlex.join(self.command)}\nexit status {self.code}\n-- stdout\n{self.out}\n-- stderr\n{self.err}"


def as_user(user):
    """Popen() arguments that make the child run as `user`; only root can be someone else."""
    if os.geteuid() != 0 or user == "root":
        return {}
    entry = pwd.getpwnam(user)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def environment(extra=None):
    """The environment without anything that could point a client at another server or another configuration."""
    keep = {k: v for k, v in os.environ.items() if not k.startswith(("PG", "HOLDFAST_", "AWS_", "LC_"))}
    return {**keep, "LC_ALL": "C.UTF-8", "TZ": "UTC", **{k: str(v) for k, v in (extra or {}).items()}}


def run(*command, user=SERVER_USER, env=None, cwd="/", stdin="", deadline=300, code=0):
    """Runs a command to its end. `code` is the exit status it must have, None when any will do."""
    command = tuple(str(word) for word in command)
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, errors="backslashreplace", cwd=cwd,
                          env=environment(env), timeout=deadline, check=False, **as_user(user))
    result = Result(command, done.returncode, done.stdout, done.stderr)
    if code is not None and result.code != code:
        raise CommandFailed(f"expected exit status {code}\n{result}")
    return result


def _die_with_parent(sign):
    def arrange():
        if _LIBC.prctl(_PR_SET_PDEATHSIG, int(sign)) != 0:
            os._exit(126)
    return arrange


class Background:
    """A process that runs beside the test. Its output goes to two files.

    Start it from the main thread: it gets `death_signal` when the thread that started it ends, which is what makes it end
    with a test run that is killed.
    """

    def __init__(self, *command, out, err, user=SERVER_USER, env=None, cwd="/", death_signal=signal.SIGKILL):
        self.command = tuple(str(word) for word in command)
        self.out_path, self.err_path = pathlib.Path(out), pathlib.Path(err)
        with open(out, "ab") as out_file, open(err, "ab") as err_file:
            self._process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=out_file, stderr=err_file, cwd=cwd,
                env=environment(env), preexec_fn=_die_with_parent(death_signal), **as_user(user))

    @property
    def pid(self):
        return self._process.pid

    def running(self):
        return self._process.poll() is None

    def send(self, sign):
        self._process.send_signal(sign)

    def wait(self, deadline=60, code=None):
        """Waits for the end. A process that is still there after `deadline` seconds fails the test."""
        try:
            self._process.wait(deadline)
        except subprocess.TimeoutExpired:
            raise CommandFailed(f"still running after {deadline} s\n{self.result(None)}") from None
        result = self.result(self._process.returncode)
        if code is not None and result.code != code:
            raise CommandFailed(f"expected exit status {code}\n{result}")
        return result

    def stop(self, sign=signal.SIGTERM, deadline=60, code=None):
        self.send(sign)
        return self.wait(deadline, code)

    def kill(self):
        return self.stop(signal.SIGKILL)

    def result(self, code):
        return Result(self.command, code, self.out_path.read_text(errors="backslashreplace"),
                      self.err_path.read_text(errors="backslashreplace"))

    def wait_for_output(self, text, deadline=60):
        """Waits until stdout or stderr holds `text`; a process that ends before fails the test."""
        def seen():
            ended = not self.running()
            result = self.result(self._process.returncode)
            if text in result.out + result.err:
                return True
            if ended:
                raise CommandFailed(f"ended without saying {text!r}\n{result}")
            return False
        try:
            eventually(seen, f"{self.command[0]} to say {text!r}", deadline)
        except CommandFailed as failure:
            raise CommandFailed(f"{failure}\n{self.result(None)}") from None


def eventually(probe, what, deadline=60):
    """Asks `probe` until it answers something true, and returns that; fails the test after `deadline` seconds."""
    end = time.monotonic() + deadline
    while True:
        answer = probe()
        if answer:
            return answer
        if time.monotonic() > end:
            raise CommandFailed(f"waited {deadline} s in vain for {what}")
        time.sleep(0.02)


def descendants_of(pid):
    """The process ids of the children, and theirs."""
    try:
        children = [int(child) for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []
    return children + [descendant for child in children for descendant in descendants_of(child)]


def kill_all(pids):
    """SIGKILL to each, and waits until they are gone."""
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    eventually(lambda: not any(_alive(pid) for pid in pids), f"the end of processes {pids}")


def _alive(pid):
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"
