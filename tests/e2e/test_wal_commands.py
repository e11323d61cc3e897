"""`wal push`, `wal fetch`, `wal stream` and `wal status` as PostgreSQL and people call them."""

import filecmp
import os
import shutil
import signal

import pytest
from harness.process import SERVER_USER, eventually, run

CONFIG = """
state_directory = "{path}/state"
[repository.main]
url = "file://{path}/repository"
key_file = "{path}/main.key"
[source.shop]
connection = "{conninfo}"
"""
SEGMENT = "000000010000000000000001"
ABSENT = "0000000100000000000000FF"


@pytest.fixture
def server(postgres):
    return postgres(15)


@pytest.fixture
def program(workplace, holdfast, server):
    made = holdfast(CONFIG.format(path=workplace.path, conninfo=server.conninfo()))
    made.run("init")
    return made


def in_data(program, server, *arguments, code=0, env=None):
    """As the server runs its commands: in the data directory."""
    return run(program.path, "--config", program.config, *arguments, cwd=server.data, env=env, code=code)


def pushed(program, server):
    server.switch_wal()
    in_data(program, server, "wal", "push", "--source", "shop", f"pg_wal/{SEGMENT}")


def test_what_was_pushed_is_fetched_bit_for_bit(program, server):
    pushed(program, server)
    in_data(program, server, "wal", "fetch", "--source", "shop", SEGMENT, "pg_wal/RECOVERYXLOG")
    assert filecmp.cmp(server.data / "pg_wal/RECOVERYXLOG", server.data / "pg_wal" / SEGMENT, shallow=False)


def test_a_segment_that_was_fetched_ahead_and_altered_since_is_fetched_anew(workplace, program, server):
    second = "000000010000000000000002"
    pushed(program, server)
    server.execute("CREATE TABLE t (i int)")
    server.switch_wal()
    in_data(program, server, "wal", "push", "--source", "shop", f"pg_wal/{second}")
    fetch = ("wal", "fetch", "--source", "shop")
    in_data(program, server, *fetch, SEGMENT, "pg_wal/RECOVERYXLOG")

    def ahead():
        return list((workplace.path / "state/prefetch").glob(f"*/{second}*"))

    eventually(ahead, "the next segment to be fetched ahead")
    (waiting,) = ahead()
    contents = bytearray(waiting.read_bytes())
    contents[len(contents) // 2] ^= 1
    waiting.write_bytes(contents)
    in_data(program, server, *fetch, second, "pg_wal/RECOVERYXLOG")
    assert filecmp.cmp(server.data / "pg_wal/RECOVERYXLOG", server.data / "pg_wal" / second, shallow=False)


def test_a_push_finds_its_source_by_the_cluster_once_it_is_known(program, server):
    server.switch_wal()
    refused = in_data(program, server, "wal", "push", f"pg_wal/{SEGMENT}", code=4)
    assert "--source" in refused.err
    pushed(program, server)
    again = in_data(program, server, "--json", "wal", "push", f"pg_wal/{SEGMENT}").json()
    assert again == {"source": "shop", "file": SEGMENT, "already_there": True}
    in_data(program, server, "wal", "fetch", SEGMENT, "pg_wal/RECOVERYXLOG")


def objects(workplace):
    return {path for path in (workplace.path / "repository/wal").rglob("*") if path.is_file()}


def test_a_push_under_a_name_that_nobody_watches_is_refused(workplace, program, server):
    server.switch_wal()
    push = ("wal", "push", f"pg_wal/{SEGMENT}", "--source")
    refused = in_data(program, server, *push, "shpo", code=2)
    assert '"shpo"' in refused.err and 'did you mean "shop"' in refused.err
    assert not objects(workplace)
    without_sources = program.config.read_text().split("[source.shop]")[0]
    configured = program.config.read_text()
    program.configure(without_sources)
    in_data(program, server, *push, "anyone")
    assert any("anyone" in path.parts for path in objects(workplace))
    program.configure(configured.replace("source.shop", "source.anyone"))
    in_data(program, server, *push, "anyone")


def test_a_second_name_of_a_cluster_is_configured_or_begins_with_a_backup(workplace, program, server):
    alone, shop = program.config.read_text().split("[source.shop]")
    back_up(program, "shop")
    before = objects(workplace)
    push = ("wal", "push", f"pg_wal/{segment_of(server)}", "--source", "till")
    program.configure(alone)
    refused = in_data(program, server, *push, code=4)
    assert "the source shop" in refused.err and "holdfast backup till" in refused.err
    assert objects(workplace) == before
    program.configure(f"{alone}[source.till]{shop}")
    in_data(program, server, *push)
    # From then on the name is known, whatever is configured on another host.
    program.configure(f"{alone}[source.other]{shop}")
    in_data(program, server, *push)


def back_up(program, source):
    """While a receiver runs: without one a backup waits for WAL before it reads it itself."""
    receiver = program.start("wal", "stream", source)
    program.run("backup", source, code=None)
    receiver.stop(signal.SIGTERM)


def segment_of(server):
    """One that is finished and still there."""
    name = server.value("SELECT pg_walfile_name(pg_current_wal_insert_lsn())")
    server.execute("CREATE TABLE IF NOT EXISTS t (i int)")
    server.switch_wal()
    return name


def test_a_fetch_says_absent_only_when_it_is_certain(workplace, program, server):
    pushed(program, server)
    fetch = ("wal", "fetch", "--source", "shop")
    in_data(program, server, *fetch, ABSENT, "pg_wal/RECOVERYXLOG", code=1)
    in_data(program, server, *fetch, "00000002.history", "pg_wal/RECOVERYHISTORY", code=1)
    in_data(program, server, *fetch, ABSENT, code=126)
    in_data(program, server, *fetch, ABSENT, "pg_wal/RECOVERYXLOG", "--nonsense", code=126)
    wrong_key = workplace.write("wrong.key", "not a key\n")
    for env in ({"HOLDFAST_REPOSITORY_MAIN_URL": f"{workplace.path}/unmounted"},
                {"HOLDFAST_REPOSITORY_MAIN_KEY_FILE": wrong_key},
                {"HOLDFAST_TIMEZONE": "Mars"}):
        in_data(program, server, *fetch, ABSENT, "pg_wal/RECOVERYXLOG", code=126, env=env)


def test_a_fetch_from_an_archive_without_the_cluster_is_no_end_of_its_wal(workplace, program, server):
    files = ((SEGMENT, "pg_wal/RECOVERYXLOG"), ("00000002.history", "pg_wal/RECOVERYHISTORY"))

    def refused(source, file):
        end = in_data(program, server, "wal", "fetch", "--source", source, *file, code=126)
        assert f"under the source {source}" in end.err and "\nhint: " in end.err

    for file in files:
        refused("shop", file)  # configured, and nothing is there yet
    # A standby streams, and asks again.
    standby = server.data / "standby.signal"
    standby.touch()
    for file in files:
        in_data(program, server, "wal", "fetch", "--source", "shop", *file, code=1)
    standby.unlink()
    pushed(program, server)
    for file in files:
        refused("nosuch", file)
    created_anew(workplace, program)
    for file in files:
        refused("shop", file)


def test_a_push_that_fails_stays_below_what_ends_the_archiver(workplace, program, server):
    pushed(program, server)
    push = ("wal", "push", "--source", "shop")
    for arguments, env in ((("pg_wal/0000000100000000000000AA",), None), ((), None),
                           ((f"pg_wal/{SEGMENT}",), {"HOLDFAST_REPOSITORY_MAIN_URL": f"{workplace.path}/unmounted"})):
        result = in_data(program, server, *push, *arguments, env=env, code=None)
        assert 1 <= result.code <= 125, result


def test_a_push_of_a_file_that_is_not_there_or_cut_says_so(program, server):
    pushed(program, server)
    push = ("wal", "push", "--source", "shop")
    absent = in_data(program, server, *push, "pg_wal/0000000100000000000000AA", code=3)
    assert "\nhint: " in absent.err and "%p" in absent.err
    cut = server.data / "pg_wal/000000010000000000000009"
    cut.write_bytes((server.data / "pg_wal" / SEGMENT).read_bytes()[:100000])
    refused = in_data(program, server, *push, f"pg_wal/{cut.name}", code=6)
    assert "nothing was stored" in refused.err and "verify" not in refused.err


def test_a_receiver_stores_what_is_written_and_ends_when_told(program, server):
    receiver = program.start("wal", "stream", "shop")
    server.execute("CREATE TABLE t AS SELECT generate_series(1, 1000) AS i")
    wanted = server.lsn()
    server.switch_wal()

    def stored():
        status = program.run("wal", "status", "shop", "--json", code=None).json()
        state = status["receiver"]
        ranges = [r for s in status["systems"] for t in s["timelines"] for r in t["ranges"]]
        return state and state["running"] and ranges and lsn(ranges[-1]["end_lsn"]) >= lsn(wanted)

    eventually(stored, "the receiver stores the WAL")
    receiver.stop(signal.SIGTERM)
    status = program.run("wal", "status", "shop", "--json", code=None).json()
    assert status["receiver"]["running"] is False


@pytest.mark.skipif(os.geteuid() != 0, reason="root only is somebody else too")
def test_what_root_backs_up_the_servers_user_can_read_and_go_on_from(workplace, program, server):
    program.run("backup", "shop", "--pin", user="root", code=None)
    in_data_as_root = {"cwd": server.data, "user": "root"}
    server.switch_wal()
    segment = sorted(path.name for path in (server.data / "pg_wal").iterdir() if len(path.name) == 24)[0]
    run(program.path, "--config", program.config, "wal", "push", "--source", "shop", f"pg_wal/{segment}", **in_data_as_root)
    program.run("verify", "--level", "data")
    assert program.json("backup", "shop", code=None)["id"].startswith("shop/")
    owners = {path.owner() for path in (workplace.path / "repository").rglob("*")}
    assert owners == {SERVER_USER}


def created_anew(workplace, program):
    """The same folder, emptied: its own keys no longer open what is in it."""
    empty(workplace.path / "repository")
    (workplace.path / "main.key").unlink()
    program.run("init")


def replaced_by_a_new_one(workplace, program):
    shutil.rmtree(workplace.path / "repository")
    (workplace.path / "main.key").unlink()
    program.run("init")


def replaced_by_its_copy(workplace, program):
    repository = workplace.path / "repository"
    run("cp", "-a", repository, f"{repository}.copy")
    repository.rename(f"{repository}.old")
    workplace.path.joinpath("repository.copy").rename(repository)


def empty(folder):
    for entry in folder.iterdir():
        shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


def await_stored(program, receiver, position):
    """Until the receiver itself says that it has stored so much."""
    def stored():
        assert receiver.running(), receiver.wait()
        state = program.run("wal", "status", "shop", "--json", code=None).json()["receiver"]
        return state and state["running"] and state["stored_lsn"] and lsn(state["stored_lsn"]) >= lsn(position)

    eventually(stored, f"the receiver to have stored {position}")


@pytest.mark.parametrize("happens", [created_anew, replaced_by_a_new_one, replaced_by_its_copy])
def test_a_receiver_ends_when_another_repository_takes_the_place_of_its_own(workplace, program, server, happens):
    def files():
        return {path for path in (workplace.path / "repository").rglob("*") if path.is_file()}

    receiver = program.start("wal", "stream", "shop")
    server.execute("CREATE TABLE t AS SELECT generate_series(1, 1000) AS i")
    await_stored(program, receiver, server.lsn())
    happens(workplace, program)
    before = files()
    server.execute("INSERT INTO t SELECT generate_series(1, 1000)")
    server.switch_wal()
    ended = receiver.wait(code=4)
    assert "another" in ended.err and "\nhint: " in ended.err
    assert files() == before
    again = program.start("wal", "stream", "shop")
    await_stored(program, again, server.lsn())


def lsn(text):
    """A position as a number, from text or from what the harness made of it."""
    if isinstance(text, int):
        return text
    high, low = str(text).split("/")
    return int(high, 16) << 32 | int(low, 16)


def test_a_gap_in_the_archive_is_attention(program, server):
    names = []
    for _ in range(3):
        names.append(server.value("SELECT pg_walfile_name(pg_current_wal_insert_lsn())"))
        server.execute("CREATE TABLE IF NOT EXISTS t (i int); INSERT INTO t VALUES (1)")
        server.switch_wal()
    for name in (names[0], names[2]):
        in_data(program, server, "wal", "push", "--source", "shop", f"pg_wal/{name}")
    status = program.run("wal", "status", "shop", "--json", code=1).json()
    assert len(status["problems"]) == 1 and names[1] in status["problems"][0]
    in_data(program, server, "wal", "push", "--source", "shop", f"pg_wal/{names[1]}")
    program.run("wal", "status", "shop", code=0)
