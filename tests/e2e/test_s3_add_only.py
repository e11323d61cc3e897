"""A host in a bucket whose policy, exactly the documented one, lets it add and neither replace nor delete."""

# ctest needs: rgw

import json
import pathlib
import re

import pytest
from harness.object_store import RGW
from harness.places import BucketPlace, bucket_at
from harness.process import run
from harness.protection import LOCAL, check_sound, ledger_of
from harness.s3 import ask, make_user, request

ADMIN = "holdfast"  # the user of tools/object-store
DOCUMENTED = pathlib.Path(__file__).parents[2] / "docs" / "operate" / "s3.md"


def documented_policy(user, admin, bucket, prefix):
    """The policy of docs/operate/s3.md, as a bucket's policy for a host's user, with the statement for the administrator."""
    section = DOCUMENTED.read_text().partition("## A host that may add")[2]
    meant = {"BUCKET/main": f"{bucket}/{prefix}", "BUCKET": bucket, "SOURCE": "shop", "ADMIN": admin}
    blocks = re.findall(r"```json\n(.*?)```", section, re.DOTALL)
    policy, for_admin = (json.loads(re.sub("|".join(meant), lambda found: meant[found[0]], block)) for block in blocks)
    for statement in policy["Statement"]:
        statement["Principal"] = {"AWS": [f"arn:aws:iam:::user/{user}"]}
    policy["Statement"].append(for_admin)
    return policy


@pytest.fixture
def host(object_stores, workplace, protect):
    """`admin` owns the bucket and opens everything; `program` runs on the host, with a key and credentials that only add."""
    access = object_stores.access(RGW)
    place = bucket_at(access, workplace)
    place.bucket.keep_versions()
    made = protect(15, LOCAL, place=place)
    made.program.run("key", "add", "--add-only", "--key-file", workplace.path / "host.key")
    full = made.program.config.read_text()
    made.admin = workplace.write("admin.toml", full)
    user = f"host-{place.bucket.name}"
    made.host = make_user(access, user)
    policy = documented_policy(user, ADMIN, place.bucket.name, place.prefix)
    ask(access, "PUT", f"/{place.bucket.name}", query={"policy": ""}, body=json.dumps(policy).encode())
    as_host = BucketPlace(place.bucket.seen_by(made.host), place.endpoint, place.prefix).settings()
    made.program.configure(full.replace(place.settings(), as_host).replace("/main.key", "/host.key"))
    return made


def as_admin(host, *arguments, code=0):
    return run(host.program.path, "--config", host.admin, *arguments, cwd=host.workplace.path, code=code)


def raw(host, method, name, body=b"", **options):
    """What the store answers the host's own key, past the program."""
    return request(host.host, method, f"/{host.place.bucket.name}/{host.place.prefix}/{name}", body=body, **options)[0]


def refuse_deleting(host, backup, segment):
    """By the store, of whoever uses the host's credentials without the program."""
    log = next(name for name in host.place.names("wal/") if segment in name)
    keys = host.place.names("keys/")
    for name in (*host.place.names("packs/")[:2], f"snapshots/{backup['id']}", log, "config", *keys):
        assert raw(host, "DELETE", name) == 403, name
        for version in host.place.bucket.versions(f"{host.place.prefix}/{name}"):
            assert raw(host, "DELETE", name, query={"versionId": version}) == 403, name
    # What deletes in the end: tombstones and prune's lists; and keys, by which others would open it.
    for name in (f"snapshots/{backup['id']}.del", "prune/20260101T000000Z-abcd", "keys/0123456789abcdef", "config", *keys):
        assert raw(host, "PUT", name, b"{}") == 403, name


def take_back_what_was_replaced(host):
    """Where the store does not look at the condition of the policy (Ceph), an earlier version is what is left."""
    bucket = host.place.bucket
    for name in (host.place.names("packs/")[0], host.place.names("snapshots/")[0]):
        key = f"{host.place.prefix}/{name}"
        whole, status = bucket.get(key), raw(host, "PUT", name, b"mine")
        assert status in (200, 403), name
        if status == 200:
            assert bucket.get(key) == b"mine"
            damages = as_admin(host, "--json", "verify", "shop", "--no-marks", code=6).json()["damages"]
            assert name in [damage["object"] for damage in damages]
            newest = bucket.versions(key)[0]
            assert raw(host, "DELETE", name, query={"versionId": newest}) == 403
            bucket.remove_version(key, newest)
        assert bucket.get(key) == whole


def test_a_host_that_only_adds_in_a_bucket_that_says_so(host):
    host.receive()
    first = host.backup()
    host.write(1001)
    host.server.switch_wal()
    host.write(2001)
    host.wait_until_stored()
    second = host.backup()
    assert second["parent"] == first["id"]
    host.stop_receiving()
    ledger = ledger_of(host.server)
    segment = host.server.switch_wal()
    # The server itself may have begun another one meanwhile: all that are whole.
    for whole in sorted(path.name for path in (host.server.data / "pg_wal").iterdir() if len(path.name) == 24):
        if whole <= segment:
            run(host.program.path, "--config", host.program.config, "wal", "push", "--source", "shop", f"pg_wal/{whole}",
                cwd=host.server.data)
    assert [name for name in host.place.names("wal/") if segment in name]
    host.program.run("check", "shop", code=None)
    assert host.place.names("leases/") == []

    before = host.place.bucket.contents()
    refuse_deleting(host, first, segment)
    take_back_what_was_replaced(host)
    assert host.place.bucket.contents() == before
    host.program.run("restore", "shop", "--to", host.workplace.path / "nothing", code=2)
    host.program.run("forget", first["id"], code=2)
    host.program.run("prune", code=None)
    assert host.place.bucket.contents() == before

    # A prune elsewhere needs no key, and what the host made restores there.
    (host.workplace.path / "host.key").unlink()
    keyless = host.workplace.write("keyless.toml", re.sub(r"key_file = .*\n", "", host.admin.read_text()))
    run(host.program.path, "--config", keyless, "prune", cwd=host.workplace.path)
    as_admin(host, "verify", "shop")
    to = host.workplace.path / "restored"
    as_admin(host, "restore", "shop", "--to", to)
    server = host.server_on(to)
    server.start().wait_until_promoted()
    check_sound(server, ledger)
