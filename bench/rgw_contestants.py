"""Who takes part on a Ceph RGW, over https; with the requests that each step made, as the gateway's own log has them."""

import collections
import dataclasses
import re
import time

from contestants import MIB, HoldfastLocal, PgBackRest, Restic
from harness.object_store import new_bucket
from measure import Sample

KINDS = ("put", "list", "get", "head", "delete")
LINE = re.compile(r'beast: .*"(GET|PUT|POST|HEAD|DELETE) (\S+) HTTP/')


def kind_of(method, target):
    """As bills count it. What is asked of the bucket, not of an object in it, is a list."""
    path, _, query = target.partition("?")
    if method == "POST" and query.startswith("delete"):
        return "delete"
    if "/" not in path.strip("/"):
        return "list" if method == "GET" else "head"
    return {"GET": "get", "PUT": "put", "POST": "put", "HEAD": "head", "DELETE": "delete"}[method]


class RequestLog:
    """What the gateway has answered since it was last asked."""

    def __init__(self, path):
        self._file = open(path, encoding="utf-8", errors="replace")  # noqa: SIM115  (as long as the run)
        self.taken()

    def taken(self):
        counts = collections.Counter()
        for line in self._file:
            if found := LINE.search(line):
                counts[kind_of(*found.groups())] += 1
        return counts


@dataclasses.dataclass(frozen=True)
class Counted(Sample):
    put: float = 0
    list: float = 0
    get: float = 0
    head: float = 0
    delete: float = 0

    def requests(self):
        return sum(getattr(self, kind) for kind in KINDS)

    def __str__(self):
        return f"{super().__str__()}  requests {self.requests():.0f}"

    @staticmethod
    def median(samples):
        plain = [Sample(*(getattr(sample, field.name) for field in dataclasses.fields(Sample))) for sample in samples]
        middle = Sample.median(plain)
        counts = {kind: sorted(getattr(sample, kind) for sample in samples)[len(samples) // 2] for kind in KINDS}
        return Counted(**middle.facts(), **counts)


class InBucket:
    """A contestant whose repository is a bucket of its own, a new one in every round."""

    def __init__(self, workplace, server, program, store, log):
        super().__init__(workplace, server, program)
        self.store = store
        self.log = log
        self.bucket = None

    def reset(self):
        self.bucket = new_bucket(self.store.access, self.workplace)
        super().reset()

    def do(self, step):
        self.log.taken()
        sample = super().do(step)
        time.sleep(1)  # the log is written by a thread of its own
        return Counted(**sample.facts(), **self.log.taken()) if sample else None

    def stored(self, action, folder):
        before = self.size()
        sample = action()
        return dataclasses.replace(sample, stored_mib=self.size() - before)

    def size(self):
        return sum(size for size, _ in self.bucket.objects().values()) / MIB


class RgwHoldfast(InBucket, HoldfastLocal):
    name = "holdfast"

    def repository(self):
        return f"""url = "s3://{self.bucket.name}"
endpoint = "{self.store.tls_endpoint}"
region = "us-east-1"
ca_file = "{self.store.ca_file}"
access_key_id = "{self.store.access.access_key}"
secret_access_key = "{self.store.access.secret_key}\""""


class RgwPgBackRest(InBucket, PgBackRest):
    name = "pgbackrest"

    def repository(self):
        host, port = self.store.tls_endpoint.removeprefix("https://").split(":")
        return f"""repo1-type=s3
repo1-path=/repository
repo1-s3-bucket={self.bucket.name}
repo1-s3-endpoint={host}
repo1-storage-port={port}
repo1-s3-uri-style=path
repo1-s3-region=us-east-1
repo1-s3-key={self.store.access.access_key}
repo1-s3-key-secret={self.store.access.secret_key}
repo1-storage-verify-tls=n"""


class RgwRestic(InBucket, Restic):
    def repository(self):
        return (f"s3:{self.store.tls_endpoint}/{self.bucket.name}", "--cacert", self.store.ca_file)

    def _environment(self):
        return {**super()._environment(), "AWS_ACCESS_KEY_ID": self.store.access.access_key,
                "AWS_SECRET_ACCESS_KEY": self.store.access.secret_key, "AWS_DEFAULT_REGION": "us-east-1"}
