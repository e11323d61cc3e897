"""What goes wrong with a bucket: each trouble has its exit code, one sentence and a hint, loses nothing and tells no secret."""

# ctest needs: rgw

import dataclasses
import secrets
import shutil

import pytest
from harness.chaos import Chaos, self_signed, tls
from harness.object_store import RGW, remove_bucket
from harness.places import BucketPlace, bucket_at
from harness.s3 import Bucket, limit_buckets_of, make_user
from harness.scene import make_scene
from harness.scene import refused as refusal

NOISE = "CREATE TABLE noise AS SELECT sha512(i::text::bytea) FROM generate_series(1, 200000) AS i"
FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"
COMMANDS = [("list",), ("backup", "shop"), ("verify",), ("restore", "shop", "--to", "/nowhere/at/all"), ("init",)]


@pytest.fixture
def admin(object_stores):
    return object_stores.access(RGW)


@pytest.fixture
def scene(admin, workplace, holdfast, postgres):
    return make_scene(workplace, holdfast, postgres(15, wal_segment_mib=1), place=bucket_at(admin, workplace))


def refused(scene, *arguments, **options):
    return refusal(scene, *arguments, secrets=(scene.place.bucket.access.secret_key,), **options)


def changed(**settings):
    """The environment that sets the repository's settings otherwise."""
    return {f"HOLDFAST_REPOSITORY_MAIN_{name.upper()}": value for name, value in settings.items()}


# -- who may


def test_a_wrong_secret_is_told(scene):
    backup = scene.backup()["id"]
    wrong = changed(secret_access_key=secrets.token_hex(20))
    for words in COMMANDS:
        refused(scene, *words, code=5, says="secret", env=wrong)
    refused(scene, "wal", "stream", "shop", code=5, says="secret", env=wrong)
    assert scene.backups() == [backup]


def test_an_unknown_key_is_told_by_its_name(scene):
    for words in COMMANDS:
        refused(scene, *words, code=5, says="NOBODYSKEY", env=changed(access_key_id="NOBODYSKEY"))


def test_no_credentials_at_all_are_told_with_where_they_were_looked_for(scene):
    text = scene.program.config.read_text()
    scene.program.configure("".join(line for line in text.splitlines(True) if "access_key" not in line))
    said = refused(scene, "list", code=2, says="credentials", env={"AWS_EC2_METADATA_DISABLED": "true"})
    assert "AWS_ACCESS_KEY_ID" in said


def test_credentials_that_may_only_read_give_all_back_and_take_no_backup(scene, admin, postgres_on):
    backup = scene.backup()["id"]
    name = f"reader-{scene.place.bucket.name}"
    reader = make_user(admin, name)
    scene.place.bucket.permit(name, "s3:GetObject", "s3:ListBucket")
    before = scene.place.bucket.objects()
    only_reading = changed(access_key_id=reader.access_key, secret_access_key=reader.secret_key)
    said = refused(scene, "backup", "shop", code=5, says="denied", env=only_reading)
    assert "s3:PutObject" in said and reader.secret_key not in said
    scene.program.env.update(only_reading)
    assert scene.backups() == [backup]
    assert scene.verify()["damages"] == []
    postgres_on(15, scene.restore()).start().wait_until_promoted()
    assert scene.place.bucket.objects() == before


# -- where


def test_a_missing_bucket_is_told_and_never_made(scene):
    name = f"hf-missing-{secrets.token_hex(6)}"
    for words in COMMANDS:
        refused(scene, *words, code=3, says=name, env=changed(url=f"s3://{name}/main"))
    with pytest.raises(AssertionError, match="NoSuchBucket"):
        Bucket(scene.place.bucket.access, name).keys()


def test_a_bucket_without_a_repository_is_told(scene):
    refused(scene, "list", code=3, says="no repository", env=changed(url=f"s3://{scene.place.bucket.name}/other"))


def test_a_store_that_is_away_is_waited_for(scene, admin, workplace):
    port = workplace.port()
    backup = scene.program.start("backup", "shop", env=changed(endpoint=f"http://127.0.0.1:{port}"))
    backup.wait_for_output("trying again")
    with Chaos(admin.endpoint, share=0, port=port):
        result = backup.wait()
    assert result.code in (0, 1), result
    assert len(scene.backups()) == 1


def test_what_is_no_object_store_is_told(scene):
    address = f"127.0.0.1:{scene.server.port}"
    refused(scene, "list", code=5, says=address, hint=False, env=changed(endpoint=f"http://{address}"))


# -- the clock


@pytest.mark.parametrize("hours,says", [(1, "ahead of"), (-1, "behind")])
def test_a_clock_that_is_off_is_told(scene, hours, says):
    scene.backup()
    off = {"LD_PRELOAD": FAKETIME, "FAKETIME": f"{hours:+}h", "FAKETIME_DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1"}
    for words in (("list",), ("backup", "shop")):
        said = refused(scene, *words, code=5, says="clock", env=off)
        assert says in said
    assert len(scene.backups()) == 1


# -- TLS


@pytest.fixture
def secured(scene, admin, workplace):
    """secured("127.0.0.1") is a way to the store by TLS whose certificate has that name: its endpoint, the certificate."""
    def make(name):
        folder = workplace.folder(f"tls-{name}")
        certificate = self_signed(folder, name)
        proxy = Chaos(admin.endpoint, share=0, context=tls(certificate))
        workplace.at_end(proxy.close)
        open_certificate = folder / "ca.pem"
        shutil.copyfile(certificate, open_certificate)
        folder.chmod(0o755)
        return proxy.endpoint, open_certificate
    return make


def test_a_certificate_that_nobody_vouches_for_is_refused_until_it_is_named(scene, secured):
    endpoint, certificate = secured("127.0.0.1")
    said = refused(scene, "list", code=5, says="certificate", env=changed(endpoint=endpoint))
    assert "ca_file" in said
    refused(scene, "backup", "shop", code=5, says="certificate", env=changed(endpoint=endpoint))
    scene.program.env.update(changed(endpoint=endpoint, ca_file=certificate))
    backup = scene.backup()["id"]
    assert scene.backups() == [backup]
    scene.restore()


def test_a_certificate_of_another_name_is_refused(scene, secured):
    endpoint, certificate = secured("elsewhere.example")
    refused(scene, "list", code=5, says="certificate", env=changed(endpoint=endpoint, ca_file=certificate))


def test_tls_spoken_to_a_store_without_it_is_told(scene, admin):
    refused(scene, "list", code=5, says="TLS", env=changed(endpoint=admin.endpoint.replace("http:", "https:")))


def test_a_missing_ca_file_is_told(scene, secured):
    endpoint, _ = secured("127.0.0.1")
    refused(scene, "list", code=2, says="nowhere.pem", env=changed(endpoint=endpoint, ca_file="/nowhere.pem"))


# -- what is there


STRANGERS = {"mai": b"m", "main": b"a file named like the folder", "main2/x": b"", "main.bak/config": b"not ours", "z": b"\0" * 5000}
LATE_STRANGERS = {"main/snapshots/holiday.jpg": b"j", "main/packs/readme": b"r", "main/wal/shop/notes.txt": b"n", "main/z/y": b"y"}


def test_strangers_files_in_the_bucket_stay_as_they_are(scene, postgres_on):
    bucket = scene.place.bucket
    strangers = {**STRANGERS, **LATE_STRANGERS}
    for key, body in strangers.items():
        bucket.put(key, body)
    receiver = scene.program.start("wal", "stream", "shop")
    scene.backup()
    scene.server.execute("CREATE TABLE t AS SELECT 1 AS i")
    scene.wait_until_stored(scene.server.lsn())
    receiver.stop(code=0)
    scene.backup()
    assert len(scene.backups()) == 2
    scene.program.run("verify", code=None)
    postgres_on(15, scene.restore()).start().wait_until_promoted()
    assert {key: bucket.get(key) for key in strangers} == strangers


def test_a_repository_is_not_made_among_strangers_files(scene):
    bucket = scene.place.bucket
    bucket.put("taken/photos/1.jpg", b"j")
    before = bucket.objects()
    refused(scene, "init", code=4, says="photos/1.jpg", env=changed(url=f"s3://{bucket.name}/taken"))
    refused(scene, "init", code=4, says="already", hint=False)
    assert bucket.objects() == before


# -- room


@pytest.fixture
def small(admin, workplace, holdfast, postgres):
    """A scene in the bucket of a user of its own, who is named like it."""
    name = f"hf-small-{secrets.token_hex(6)}"
    bucket = Bucket(make_user(admin, name), name).create()
    workplace.at_end(lambda: remove_bucket(dataclasses.replace(bucket, access=admin)))
    return make_scene(workplace, holdfast, postgres(15, wal_segment_mib=1, settings={"wal_keep_size": "64MB"}),
                      place=BucketPlace(bucket, admin.endpoint), repository_settings='pack_size = "1MiB"')


def fill(scene, admin, room):
    """Leaves so many bytes of room in the bucket."""
    used = sum(-(-size // 4096) * 4096 for size, _ in scene.place.bucket.objects().values())
    limit_buckets_of(admin, scene.place.bucket.name, used + room)


def test_a_full_bucket_publishes_no_backup_and_the_next_one_works(small, admin):
    first = small.backup()["id"]
    small.server.execute(NOISE)
    fill(small, admin, 2 << 20)
    refused(small, "backup", "shop", code=5, says="room")
    assert small.backups() == [first]
    assert small.verify()["damages"] == []
    small.restore("--immediate")
    limit_buckets_of(admin, small.place.bucket.name, None)
    small.backup()
    assert small.verify()["damages"] == []


def test_a_full_bucket_keeps_wal_in_the_spool_and_loses_nothing(small, admin, postgres_on):
    small.backup()
    receiver = small.receive()
    fill(small, admin, 0)
    small.server.execute(NOISE)
    end = small.server.lsn()
    receiver.wait_for_output("room")
    assert receiver.running()
    limit_buckets_of(admin, small.place.bucket.name, None)
    small.wait_until_stored(end)
    receiver.stop(code=0)
    assert small.status()["problems"] == []
    server = postgres_on(15, small.restore()).start()
    server.wait_until_promoted()
    assert server.value("SELECT count(*) FROM noise") == "200000"
