"""A bucket, the key and the program bring everything back, whatever the machine was."""

# ctest needs: rgw

import shutil

import pytest
from harness.object_store import RGW
from harness.places import bucket_at
from harness.postgres import MAJORS
from harness.process import run
from harness.program import Holdfast
from harness.protection import LOCAL, SQL, check_sound
from harness.workplace import Workplace

SOURCES = [(major, method) for major, method in ((15, SQL), (17, LOCAL)) if major in MAJORS]


@pytest.fixture(scope="module", params=SOURCES, ids=lambda source: f"{source[0]}-{source[1]}")
def shop(object_stores, protect_for_all, request):
    """A source in a bucket, of which two backups and all WAL are stored."""
    workplace = Workplace()
    request.addfinalizer(workplace.close)
    made = protect_for_all(*request.param, place=bucket_at(object_stores.access(RGW), workplace))
    made.server.pgbench_init()
    made.receive()
    made.backup()
    made.write(1001)
    made.early = made.moment()
    made.write(2001)
    made.backup()
    made.write(3001)
    made.late = made.moment()
    made.wait_until_stored()
    return made


@pytest.fixture
def elsewhere():
    """A machine that never saw the source: an empty folder that is also its home."""
    place = Workplace()
    yield place
    place.close()


def test_everything_comes_back(shop):
    check_sound(shop.recovered("latest"), shop.late.ledger, pgbench=True)
    check_sound(shop.recovered("time", "--at", shop.early.time), shop.early.ledger, pgbench=True)
    assert shop.program.json("verify", "--level", "data")["damages"] == []


def bring_key(shop, elsewhere):
    key = elsewhere.path / "brought.key"
    shutil.copy2(shop.workplace.path / "main.key", key)
    shutil.chown(key, elsewhere.path.owner())
    return key


def recovered_elsewhere(shop, program, elsewhere, *words):
    to = elsewhere.path / "data"
    program.run("restore", "shop", "--to", to, *words)
    server = shop.server_on(to)
    server.start().wait_until_promoted()
    return server


def test_an_empty_machine_needs_bucket_key_and_program(shop, elsewhere):
    config = f'[repository.main]\n{shop.place.settings()}key_file = "{bring_key(shop, elsewhere)}"\n'
    program = Holdfast(shop.program.path, elsewhere, config)
    ids = [backup["id"] for backup in program.json("list")]
    assert len(ids) == 2
    assert ids == [backup["id"] for backup in shop.program.json("list")]
    check_sound(recovered_elsewhere(shop, program, elsewhere), shop.late.ledger, pgbench=True)


def test_the_environment_alone_is_enough(shop, elsewhere):
    access = shop.place.bucket.access
    program = Holdfast(shop.program.path, elsewhere, "", env={
        "HOLDFAST_REPOSITORY_MAIN_URL": f"s3://{shop.place.bucket.name}/{shop.place.prefix}",
        "HOLDFAST_REPOSITORY_MAIN_KEY_FILE": bring_key(shop, elsewhere),
        "AWS_ENDPOINT_URL": access.endpoint, "AWS_ACCESS_KEY_ID": access.access_key,
        "AWS_SECRET_ACCESS_KEY": access.secret_key})
    assert len(program.json("list")) == 2
    to = elsewhere.path / "data"
    program.run("restore", "shop", "--to", to)
    shop.server_on(to)


def test_keys_come_from_where_they_are_kept(shop, elsewhere):
    access, settings = shop.place.bucket.access, shop.place.settings()
    kept_out = "".join(line for line in settings.splitlines(True) if "access_key" not in line)
    key = f'key_file = "{bring_key(shop, elsewhere)}"\n'
    secret = elsewhere.write("secret", f"{access.secret_key}\n")
    shared = elsewhere.write("shared", "[default]\naws_access_key_id = no\naws_secret_access_key = no\n[far]\n"
                             f"aws_access_key_id = {access.access_key}\naws_secret_access_key = {access.secret_key}\n")
    ways = [(f'access_key_id = "{access.access_key}"\nsecret_access_key_file = "{secret}"\n', {}),
            (f'profile = "far"\ncredentials_file = "{shared}"\n', {}),
            ("", {"AWS_PROFILE": "far", "AWS_SHARED_CREDENTIALS_FILE": shared})]
    for lines, env in ways:
        program = Holdfast(shop.program.path, elsewhere, f"[repository.main]\n{kept_out}{lines}{key}", env=env)
        assert len(program.json("list")) == 2


def test_a_bucket_may_be_a_part_of_the_hosts_name(shop, elsewhere):
    virtual = shop.place.settings().replace("127.0.0.1", "localhost")
    config = f'[repository.main]\n{virtual}path_style = "virtual"\nkey_file = "{bring_key(shop, elsewhere)}"\n'
    assert len(Holdfast(shop.program.path, elsewhere, config).json("list")) == 2


def test_recovery_fetches_from_the_bucket_without_the_secret_in_its_configuration(shop):
    data = shop.restore("secrets")
    settings = (data / "postgresql.auto.conf").read_text()
    assert "restore_command" in settings
    assert shop.place.bucket.access.secret_key not in settings
    run("grep", "-rqF", shop.place.bucket.access.secret_key, data, code=1)
