"""Where a repository may lie: what the configuration says of it, and how tests reach it beside the program."""

import dataclasses
import os
import pathlib

from harness.object_store import RGW, chaos_before, new_bucket
from harness.s3 import Bucket

DIRECTORY, CHAOS = "directory", "chaos"
# Where the repositories of tests lie that leave it open; HOLDFAST_PLACE says it.
PLACES = (DIRECTORY, RGW, CHAOS)


@dataclasses.dataclass(frozen=True)
class DirectoryPlace:
    path: object

    def settings(self):
        """Lines of the repository's section."""
        return f'url = "file://{self.path}"\n'

    def names(self, prefix=""):
        """The names of its objects, in order."""
        return sorted(str(path.relative_to(self.path)) for path in pathlib.Path(self.path, prefix).rglob("*")
                      if path.is_file() and not path.name.startswith("."))


@dataclasses.dataclass(frozen=True)
class BucketPlace:
    """Below `prefix` in a bucket; `bucket` is seen past any proxy, `endpoint` is what the program is told."""
    bucket: Bucket
    endpoint: str
    prefix: str = "main"
    more: str = ""  # lines of the repository's section

    def settings(self):
        access = self.bucket.access
        return (f'url = "s3://{self.bucket.name}/{self.prefix}"\nendpoint = "{self.endpoint}"\nregion = "{access.region}"\n'
                f'access_key_id = "{access.access_key}"\nsecret_access_key = "{access.secret_key}"\n{self.more}')

    def names(self, prefix=""):
        """The names of its objects, in order."""
        return [key.removeprefix(f"{self.prefix}/") for key in self.bucket.keys(f"{self.prefix}/{prefix}")]


def directory_in(workplace):
    return DirectoryPlace(workplace.path / "repository")


def bucket_at(access, workplace, endpoint=None):
    """In a bucket of its own."""
    return BucketPlace(new_bucket(access, workplace), endpoint or access.endpoint)


def chosen_place(stores, workplace):
    """In a place of the kind that HOLDFAST_PLACE names."""
    kind = os.environ.get("HOLDFAST_PLACE") or DIRECTORY
    if kind == DIRECTORY:
        return directory_in(workplace)
    if kind not in PLACES:
        raise AssertionError(f"HOLDFAST_PLACE={kind} is none of {', '.join(PLACES)}")
    access = stores.access(RGW)
    return bucket_at(access, workplace, chaos_before(access, workplace).endpoint if kind == CHAOS else None)
