# ctest labels: sanitize
"""The command line against bad input: one sentence, a hint, the right exit code, and no data on standard output."""

import json

import pytest
from harness.process import run

CONFIG = '[repository.main]\nurl = "file://{path}/repository"\nkey_file = "{path}/main.key"\n'


@pytest.fixture
def repository(workplace, holdfast):
    """The program with a repository of its own."""
    program = holdfast(CONFIG.format(path=workplace.path))
    program.run("init")
    return program


def refused(program, *arguments, code, says, **options):
    result = program.run(*arguments, code=code, **options)
    assert result.out == ""
    assert result.err.startswith("error: ")
    assert says in result.err, result.err
    assert "Traceback" not in result.err and "what():" not in result.err
    return result.err


def test_init_makes_a_repository_and_a_key_that_only_its_owner_can_read(workplace, repository):
    key = workplace.path / "main.key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert [entry["in_use"] for entry in repository.json("key", "list")] == [True]


def test_init_never_replaces_a_repository_or_a_key_file(workplace, repository):
    before = (workplace.path / "main.key").read_bytes()
    refused(repository, "init", code=4, says="holds a repository already")
    precious = workplace.write("precious", "not a key\n")
    refused(repository, "init", "--url", f"{workplace.path}/other", "--key-file", precious, code=4,
            says="is no key file")
    assert precious.read_text() == "not a key\n"
    assert (workplace.path / "main.key").read_bytes() == before
    assert not (workplace.path / "other").exists()


def test_init_takes_a_key_file_that_is_there(workplace, repository):
    made = repository.json("init", "--url", f"{workplace.path}/second", "--key-file", workplace.path / "main.key")
    assert made["key_file_created"] is False


def test_init_writes_the_configuration_that_opens_the_repository(workplace, holdfast):
    program = holdfast("")
    made = program.run("init", "--url", f"{workplace.path}/r", "--key-file", workplace.path / "k", "--write-config")
    assert f"\n\nWritten into {program.config}. Next: a [source.NAME] table" in made.out
    assert len(program.json("key", "list")) == 1
    refused(program, "init", "--url", f"{workplace.path}/r2", "--key-file", workplace.path / "k2", "--write-config",
            code=4, says="has a repository main already")
    assert not (workplace.path / "k2").exists()


def test_a_spare_key_opens_the_repository_and_the_key_in_use_stays(workplace, repository):
    spare = workplace.path / "spare.key"
    added = repository.json("key", "add", "--key-file", spare)["id"]
    with_spare = {"HOLDFAST_REPOSITORY_MAIN_KEY_FILE": spare}
    assert {entry["id"] for entry in repository.json("key", "list", env=with_spare) if entry["in_use"]} == {added}
    refused(repository, "key", "remove", added, env=with_spare, code=4, says="key")
    refused(repository, "key", "add", "--key-file", spare, code=4, says=f"already, as key {added}")
    assert len(repository.json("key", "list")) == 2
    repository.run("key", "remove", added)
    for command in (("key", "list"), ("list",), ("restore", "shop", "--to", workplace.path / "restored"),
                    ("export", "shop/latest", "--to", workplace.path / "shop.tar")):
        assert "hint: " in refused(repository, *command, env=with_spare, code=2, says="wrong key file")


def test_a_passphrase_that_is_wrong_is_told_from_a_repository_that_is_not_there(workplace, holdfast):
    workplace.write("passphrase", "correct horse\n")
    program = holdfast(f'[repository.main]\nurl = "{workplace.path}/r"\npassphrase_file = "passphrase"\n')
    program.run("init")
    program.run("list")
    workplace.write("passphrase", "battery staple\n")
    refused(program, "list", code=2, says="wrong passphrase")
    workplace.write("passphrase", " \n")
    refused(program, "list", code=2, says="is empty")


def test_a_repository_that_is_not_there_is_not_an_empty_one(workplace, repository):
    elsewhere = {"HOLDFAST_REPOSITORY_MAIN_URL": f"file://{workplace.path}/unmounted"}
    assert "hint: " in refused(repository, "list", env=elsewhere, code=3, says="does not exist")
    empty = {"HOLDFAST_REPOSITORY_MAIN_URL": f"file://{workplace.folder('empty')}"}
    assert "holdfast init" in refused(repository, "list", env=empty, code=3, says="no repository")


def test_an_unfinished_repository_is_told_and_can_be_finished(workplace, repository):
    (workplace.path / "repository" / "config").unlink()
    refused(repository, "list", code=3, says="repository main")
    repository.run("init")
    assert repository.json("list") == []


def test_a_repository_that_lost_its_config_is_told_from_none_at_all(workplace, repository):
    (workplace.path / "repository" / "config").unlink()
    (workplace.path / "repository" / "packs" / "ab").mkdir(parents=True)
    (workplace.path / "repository" / "packs" / "ab" / "abcd").write_text("a pack")
    for command in ("list", "init", "prune"):
        assert "hint: put it back" in refused(repository, command, code=6, says="has lost its object config")


def test_a_damaged_repository_is_corrupt(workplace, repository):
    config = workplace.path / "repository" / "config"
    config.chmod(0o600)
    config.write_bytes(b"garbage")
    for command in ("list", "verify", "prune"):
        assert "hint: put it back as it was" in refused(repository, command, code=6, says="config")


@pytest.mark.parametrize("text, says", [
    ("\x00\x01\x02[[[", "this is not TOML"),
    ("[repository.main]\nulr = 'x'\n", 'unknown key "ulr" in [repository.main]'),
    ("timezone = 'Mars/Olympus'\n", "timezone"),
])
def test_a_garbage_configuration_names_file_and_line(holdfast, text, says):
    program = holdfast(text)
    error = refused(program, "list", code=2, says=says)
    assert "holdfast.toml:" in error


def test_a_configuration_that_cannot_be_read_is_not_an_absent_one(workplace, holdfast):
    program = holdfast("")
    program.config.chmod(0)
    refused(program, "list", code=2, says="cannot read the configuration")


def test_a_key_file_that_is_not_there_is_named_once(workplace, repository):
    gone = {"HOLDFAST_REPOSITORY_MAIN_KEY_FILE": f"{workplace.path}/gone.key"}
    assert refused(repository, "list", env=gone, code=2, says="cannot use the key file").count("gone.key") == 1


def test_errors_are_json_where_data_is(repository):
    result = repository.run("show", "shop/latest", "--json", code=3)
    assert result.out == ""
    assert json.loads(result.err)["error"]["kind"] == "not_found"


@pytest.mark.parametrize("arguments, hint", [
    (("lst",), "did you mean list?"),
    (("list", "--knid", "cluster"), "did you mean --kind?"),
    (("key", "ad"), "did you mean add?"),
])
def test_a_slip_of_the_finger_gets_a_suggestion(repository, arguments, hint):
    assert hint in refused(repository, *arguments, code=2, says="unknown")


@pytest.mark.parametrize("arguments, code, says", [
    (("init", "--url", "/nowhere/r"), 2, "a new repository needs a key"),
    (("check",), 2, "no source is configured"),
    (("status",), 2, "no source is configured"),
    (("restore", "shop", "--to", "x", "--xid", "one"), 2, 'transaction "one" is no number'),
    (("export", "shop/latest", "--tablespace", "x"), 3, "no backup is called"),
    (("key", "remove", "nosuch"), 3, "there is no key nosuch"),
])
def test_every_refusal_says_what_to_do(repository, arguments, code, says):
    assert "hint: " in refused(repository, *arguments, code=code, says=says)


def test_an_empty_list_says_how_a_backup_is_made(repository):
    listed = repository.run("list")
    assert listed.out == "" and "holdfast backup SOURCE" in listed.err


def test_data_that_cannot_be_written_is_not_a_success(repository):
    command = f'"{repository.path}" --config "{repository.config}" key list'
    run("/bin/sh", "-c", f"{command} > /dev/full", code=5)
    run("/bin/sh", "-c", f"{command} >&-", code=5)
