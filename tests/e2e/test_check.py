"""`check`: everything a backup and a restore need is tried, and what fails says how to mend it."""

import pytest
from harness.postgres import DEBIAN, OFFICIAL_IMAGE
from harness.process import eventually

CONFIG = """
state_directory = "{path}/state"
[repository.main]
url = "file://{path}/repository"
key_file = "{path}/main.key"
[source.shop]
connection = "{conninfo}"
spool_max = "128MiB"
"""


@pytest.fixture
def server(postgres):
    made = postgres(15, hba=OFFICIAL_IMAGE)
    made.stop()
    return made.start({"fsync": "on"})


@pytest.fixture
def program_for(workplace, holdfast):
    """A program with a repository, whose source is reached by the connection given."""
    def make(conninfo, more=""):
        program = holdfast(CONFIG.format(path=workplace.path, conninfo=conninfo) + more)
        program.run("init")
        return program
    return make


def check(program, code, **options):
    (source,) = program.json("check", "shop", code=code, **options)["sources"]
    items = {item["name"]: item for item in source["items"]}
    assert all(item["hint"] for item in items.values() if item["state"] != "ok")
    return items


def bad(items):
    return {name: item["state"] for name, item in items.items() if item["state"] != "ok"}


def role_with(server, statements):
    server.execute(f"CREATE ROLE keeper LOGIN PASSWORD 'secret'; {statements}")
    return server.outside_conninfo(user="keeper", password="secret")


def program_for_again(program, conninfo, more=""):
    """The same program and repository, another way to the server."""
    lines = [f'connection = "{conninfo}"' if line.startswith("connection") else line
             for line in program.config.read_text().splitlines()]
    program.configure("\n".join(lines) + "\n" + more)
    return program


def test_a_superuser_on_the_same_host_has_everything(workplace, program_for, server):
    program = program_for(server.conninfo(), f'data_directory = "{server.data}"\n')
    before = sorted(p for p in (workplace.path / "repository").rglob("*") if p.is_file())
    items = check(program, code=0)
    assert bad(items) == {}
    assert "replication protocol" in items["wal"]["detail"]
    assert "server's own" in items["data_directory"]["detail"]
    assert sorted(p for p in (workplace.path / "repository").rglob("*") if p.is_file()) == before
    assert not (workplace.path / "state").exists(), "a check leaves nothing behind"
    assert "ok         connection" in program.run("check").out


def test_the_printed_grants_are_enough_and_wal_comes_through_sql(program_for, server):
    program = program_for(server.conninfo())
    grants = program.run("check", "shop", "--grants", "--role", "keeper").out
    conninfo = role_with(server, grants)
    items = check(program_for_again(program, conninfo), code=0)
    assert bad(items) == {}
    assert grants.startswith("-- ") and "CREATE ROLE \"keeper\" LOGIN PASSWORD" in grants
    assert "through SQL" in items["wal"]["detail"] and "pg_hba.conf" in items["wal"]["hint"]


def test_each_grant_that_is_missing_is_named(program_for, server):
    program = program_for(server.conninfo())
    grants = program.run("check", "shop", "--grants", "--role", "keeper").out.splitlines()
    kept = [line for line in grants if "pg_backup_start" not in line and "pg_read_all_settings" not in line]
    assert len(kept) == len(grants) - 2
    items = check(program_for_again(program, role_with(server, "\n".join(kept))), code=5)
    assert bad(items) == {"pg_backup_start(text, boolean)": "failed", "pg_read_all_settings": "failed"}
    assert "holdfast check shop --grants" in items["pg_backup_start(text, boolean)"]["hint"]


def test_a_server_that_cannot_be_reached_is_one_sentence(program_for, server):
    program = program_for(server.outside_conninfo(password="wrong"))
    items = check(program, code=5)
    assert list(bad(items)) == ["connection"]
    assert "password authentication failed" in items["connection"]["detail"]
    program_for_again(program, server.conninfo())
    server.stop()
    items = check(program, code=5)
    assert list(bad(items)) == ["connection"] and "\n" not in items["connection"]["detail"]
    assert items["writable"]["state"] == "ok" and items["spool"]["state"] == "ok"
    printed = program.run("check", "shop", "--grants", "--role", "keeper")
    assert "pg_backup_start" in printed.out and "assumed" in printed.err


def test_a_role_that_is_called_otherwise_than_its_user_is_told_how_it_gets_in(workplace, program_for, postgres):
    """As Debian's own configuration has it: peer for local connections, a password over TCP."""
    server = postgres(15, hba=DEBIAN)
    program = program_for(server.conninfo(user="keeper"))
    for line in (program.run("check", "shop", code=5).out, program.run("backup", "shop", code=5).err):
        assert 'hint: connect over TCP with a password: host=localhost in the connection' in line
        assert "hint: or let " in line and "`local all keeper peer map=holdfast`" in line
    assert "localhost:*:*:keeper:PASSWORD" in program.run("check", "shop", "--grants").err
    grants = program.run("check", "shop", "--grants", "--role", "keeper").out
    role_with(server, grants)
    password = workplace.write("passwords", f"localhost:{server.port}:*:keeper:secret\n")
    password.chmod(0o600)
    program_for_again(program, server.conninfo(host="localhost", user="keeper", passfile=password))
    assert bad(check(program, code=1)) == {"fsync": "attention"}


def test_a_synchronous_receiver_must_be_able_to_acknowledge(program_for, server):
    program = program_for(server.conninfo())
    server.configure({"synchronous_standby_names": "FIRST 1 (holdfast)", "synchronous_commit": "remote_apply"})
    eventually(lambda: server.value("SHOW synchronous_commit") == "remote_apply", "the server reads its settings")
    items = check(program, code=5)
    assert bad(items) == {"synchronous": "failed"} and "remote_apply" in items["synchronous"]["detail"]
    program_for_again(program, server.outside_conninfo())
    assert bad(check(program, code=5)) == {"synchronous": "failed"}


def test_synchronous_settings_that_let_no_commit_wait_are_told(program_for, server):
    program = program_for(server.conninfo())
    server.configure({"synchronous_standby_names": "ANY 1 (holdfast, elsewhere)", "synchronous_commit": "local"})
    eventually(lambda: server.value("SHOW synchronous_commit") == "local", "the server reads its settings")
    items = check(program, code=5)
    assert bad(items) == {"synchronous": "failed"} and "= local" in items["synchronous"]["detail"]
    server.execute("CREATE ROLE app; CREATE ROLE till; ALTER ROLE till SET synchronous_commit = 'on'")
    assert bad(check(program, code=1)) == {"synchronous": "attention"}
    # What the role of the connection has of its own is not taken for that of the others.
    server.execute("ALTER ROLE CURRENT_USER SET synchronous_commit = 'on'")
    server.execute("SET synchronous_commit = local; "
                   "ALTER ROLE app IN DATABASE postgres SET synchronous_commit = 'OFF'", deadline=30)
    detail = check(program, code=1)["synchronous"]["detail"]
    assert "role app in database postgres (off)" in detail and "till" not in detail


def test_a_receiver_of_another_name_than_the_server_waits_for_is_told(program_for, server):
    program = program_for(server.conninfo(application_name="foo"))
    server.configure({"synchronous_standby_names": "FIRST 1 (holdfast)"})
    eventually(lambda: server.value("SHOW synchronous_standby_names"), "the server reads its settings")
    items = check(program, code=5)
    assert bad(items) == {"synchronous": "failed"} and "foo" in items["synchronous"]["detail"]
    program_for_again(program, server.conninfo())
    check(program, code=0)


def test_a_pushing_server_must_call_holdfast(program_for, server):
    program = program_for(server.conninfo(), 'wal = "push"\n')
    items = check(program, code=5)
    assert bad(items) == {"archive_command": "failed"}
    assert "wal push --source shop" in items["archive_command"]["hint"]


def test_a_repository_that_is_not_there_or_does_not_open_is_told(workplace, program_for, server):
    program = program_for(server.conninfo())
    gone = check(program, code=3, env={"HOLDFAST_REPOSITORY_MAIN_URL": f"{workplace.path}/unmounted"})
    assert list(bad(gone)) == ["repository"] and gone["connection"]["state"] == "ok"
    wrong = workplace.write("wrong.key", "not a key\n")
    items = check(program, code=2, env={"HOLDFAST_REPOSITORY_MAIN_KEY_FILE": wrong})
    assert list(bad(items)) == ["key"]


def test_a_wrong_key_ends_a_check_as_it_ends_other_commands(workplace, program_for, server):
    program = program_for(server.conninfo())
    program.run("init", "--url", f"{workplace.path}/other", "--key-file", workplace.path / "other.key")
    wrong = {"HOLDFAST_REPOSITORY_MAIN_KEY_FILE": workplace.path / "other.key"}
    items = check(program, code=2, env=wrong)
    assert bad(items) == {"key": "failed"} and items["key"]["detail"].endswith("wrong key file")
    program.run("list", code=2, env=wrong)


def test_another_servers_data_directory_is_refused(postgres, program_for, server):
    other = postgres(15)
    program = program_for(server.conninfo(), f'data_directory = "{other.data}"\n')
    assert bad(check(program, code=4)) == {"data_directory": "failed"}
    program.run("backup", "shop", code=4)


def test_a_data_directory_that_is_not_there_is_told_with_what_it_must_be(workplace, program_for, server):
    program = program_for(server.conninfo(), f'data_directory = "{workplace.path}/nowhere"\n')
    assert bad(check(program, code=3)) == {"data_directory": "failed"}
    refused = program.run("backup", "shop", code=3)
    assert "nowhere" in refused.err and "\nhint: data_directory is the server's own" in refused.err


def test_words_that_do_not_fit_together_are_refused(program_for, server):
    program = program_for(server.conninfo())
    assert "--grants needs a source" in program.run("check", "--grants", code=2).err
    assert "goes with --grants" in program.run("check", "shop", "--role", "x", code=2).err
