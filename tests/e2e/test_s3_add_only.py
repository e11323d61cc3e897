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

DOCUMENTED = pathlib.Path(__file__).parents[2] / "docs" / "operate" / "s3.md"


def documented_policy(user, bucket, prefix):
    """The policy of docs/operate/s3.md, as a bucket's policy for one user."""
    section = DOCUMENTED.read_text().partition("## A host that may add")[2]
    text = re.search(r"```json\n(.*?)```", section, re.DOTALL)[1]
    policy = json.loads(text.replace("BUCKET/main", f"{bucket}/{prefix}").replace("BUCKET", bucket).replace("SOURCE", "shop"))
    for statement in policy["Statement"]:
        statement["Principal"] = {"AWS": [f"arn:aws:iam:::user/{user}"]}
    return policy


@pytest.fixture
def host(object_stores, workplace, protect):
    """`admin` owns the bucket and opens everything; `program` runs on the host, with a key and credentials that only add."""
    access = object_stores.access(RGW)
    place = bucket_at(access, workplace)
    made = protect(15, LOCAL, place=place)
    made.program.run("key", "add", "--add-only", "--key-file", workplace.path / "host.key")
    full = made.program.config.read_text()
    made.admin = workplace.write("admin.toml", full)
    user = f"host-{place.bucket.name}"
    made.host = make_user(access, user)
    policy = documented_policy(user, place.bucket.name, place.prefix)
    ask(access, "PUT", f"/{place.bucket.name}", query={"policy": ""}, body=json.dumps(policy).encode())
    as_host = BucketPlace(place.bucket.seen_by(made.host), place.endpoint, place.prefix).settings()
    made.program.configure(full.replace(place.settings(), as_host).replace("/main.key", "/host.key"))
    return made


def as_admin(host, *arguments, code=0):
    return run(host.program.path, "--config", host.admin, *arguments, cwd=host.workplace.path, code=code)


def raw(host, method, name, body=b"", headers=None):
    """What the store answers the host's own key, past the program."""
    return request(host.host, method, f"/{host.place.bucket.name}/{host.place.prefix}/{name}", body=body, headers=headers)[0]


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
    host.server.switch_wal()
    ledger = ledger_of(host.server)
    segment = host.server.value("SELECT pg_walfile_name(pg_current_wal_lsn() - 1)")
    run(host.program.path, "--config", host.program.config, "wal", "push", "--source", "shop", f"pg_wal/{segment}",
        cwd=host.server.data)
    assert [name for name in host.place.names("wal/") if segment in name]
    host.program.run("check", "shop", code=None)
    assert host.place.names("leases/") == []

    before = host.place.bucket.contents()
    pack, snapshot = host.place.names("packs/")[0], f"snapshots/{first['id']}"
    log = next(name for name in host.place.names("wal/") if segment in name)
    for name in (pack, snapshot, log, "config", host.place.names("keys/")[0]):
        assert raw(host, "DELETE", name) == 403, name
        assert raw(host, "PUT", name, b"mine") == 403, name
        assert raw(host, "PUT", name, b"mine", {"If-None-Match": "*"}) in (403, 412), name
    for name in (f"{snapshot}.del", "prune/20260101T000000Z-abcd", "keys/0123456789abcdef"):
        assert raw(host, "PUT", name, b"{}", {"If-None-Match": "*"}) == 403, name
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
