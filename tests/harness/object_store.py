"""Real S3 servers, brought up by tools/object-store."""

import contextlib
import os
import pathlib
import secrets
import shutil
import subprocess
import sys
import tempfile

from harness.chaos import Chaos
from harness.s3 import Access, Bucket, ask
from harness.workplace import Workplace

OBJECT_STORE_TOOL = pathlib.Path(__file__).parents[2] / "tools" / "object-store"

RGW, S3RVER = "rgw", "s3rver"


def _tool(*words):
    done = subprocess.run([OBJECT_STORE_TOOL, *map(str, words)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          check=False)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, words))}: {done.stderr}")
    return done.stdout


class ObjectStores:
    """The servers of one test run, started when first asked for; a missing one is a failure.

    HOLDFAST_OBJECT_STORES names a folder whose servers outlive the run and are shared with others (ctest does so).
    """

    def __init__(self):
        shared = os.environ.get("HOLDFAST_OBJECT_STORES")
        self._own = None if shared else pathlib.Path(tempfile.mkdtemp(prefix="hf-stores-"))
        self._folder = pathlib.Path(shared) if shared else self._own
        self._access = {}
        self._undo = contextlib.ExitStack()

    def access(self, kind):
        """Its address and its administrator's key."""
        if kind not in self._access:
            said = dict(line.split("=", 1) for line in self._said(kind).splitlines())
            del said["kind"]
            self._access[kind] = Access(**said)
        return self._access[kind]

    def _said(self, kind):
        folder = self._folder / kind
        if self._own:
            self._undo.callback(_tool, "down", folder)
            return _tool("up", kind, folder, "--owner", os.getpid())
        path = folder / "access"
        if not path.exists():
            raise AssertionError(f"{folder} has no server, and HOLDFAST_OBJECT_STORES says that it has")
        return path.read_text()

    def close(self):
        self._undo.close()
        if self._own:
            shutil.rmtree(self._own)


def new_bucket(access, workplace, **options):
    """A bucket that goes with the workplace; options of Bucket.create."""
    bucket = Bucket(access, f"hf-{secrets.token_hex(6)}").create(**options)
    workplace.at_end(lambda: remove_bucket(bucket))
    return bucket


def remove_bucket(bucket):
    """With all that is in it."""
    ask(bucket.access, "DELETE", "/admin/bucket", query={"bucket": bucket.name, "purge-objects": "true"})


def chaos_before(access, workplace, **options):
    """A proxy before a server until the workplace's end, when it tells its seed and what it did."""
    seed = os.environ.get("HOLDFAST_SEED")
    chaos = Chaos(access.endpoint, **{"seed": int(seed) if seed else None, **options})
    print(f"HOLDFAST_SEED={chaos.seed}")
    workplace.at_end(lambda: (chaos.close(), print(chaos)))
    return chaos


def main():
    """Runs COMMAND with a server's address and key in HOLDFAST_TEST_S3_ENDPOINT, _ACCESS_KEY and _SECRET_KEY.

        python3 -m harness.object_store rgw [--chaos] COMMAND...
    """
    kind, *command = sys.argv[1:]
    chaotic = command[0] == "--chaos"
    stores, workplace = ObjectStores(), Workplace()
    try:
        access = stores.access(kind)
        endpoint = chaos_before(access, workplace).endpoint if chaotic else access.endpoint
        env = {**os.environ, "HOLDFAST_TEST_S3_ENDPOINT": endpoint, "HOLDFAST_TEST_S3_ACCESS_KEY": access.access_key,
               "HOLDFAST_TEST_S3_SECRET_KEY": access.secret_key}
        sys.stdout.flush()
        return subprocess.run(command[chaotic:], env=env, check=False).returncode
    finally:
        workplace.close()
        stores.close()


if __name__ == "__main__":
    sys.exit(main())
