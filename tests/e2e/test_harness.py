"""The harness itself: every major runs, and does what the other tests rely on."""

import pathlib
import signal

import pytest

from harness.postgres import MAJORS, OFFICIAL_IMAGE
from harness.process import Background, CommandFailed, eventually, run
from harness.program import Holdfast

every_major = pytest.mark.parametrize("major", MAJORS)


@every_major
def test_a_major_starts_answers_and_has_checksums(postgres, major):
    server = postgres(major)
    assert int(server.value("SHOW server_version_num")) // 10000 == major
    assert server.value("SHOW data_checksums") == "on"
    assert server.rows("SELECT 'a,b', NULL UNION ALL SELECT 'x', 'y''z' ORDER BY 1") == [["a,b", ""], ["x", "y'z"]]


@every_major
def test_a_cluster_is_made_as_told(postgres, major):
    server = postgres(major, checksums=False, wal_segment_mib=1, settings={"work_mem": "5MB"})
    assert server.value("SHOW data_checksums") == "off"
    assert server.value("SHOW wal_segment_size") == "1MB"
    assert server.value("SHOW work_mem") == "5MB"
    server.configure({"log_min_duration_statement": "77min"})
    server.restart()
    assert server.value("SHOW log_min_duration_statement") == "77min"


@every_major
def test_the_official_image_refuses_replication_from_outside_only(postgres, major):
    server = postgres(major, hba=OFFICIAL_IMAGE)
    outside = server.outside_conninfo()
    assert server.value("SELECT host(inet_client_addr())", conninfo=outside) == "127.0.0.2"
    assert "password" in server.psql("SELECT 1", conninfo=server.outside_conninfo(password="wrong"), code=2).err
    refused = server.psql("IDENTIFY_SYSTEM", conninfo=f"{outside} replication=yes", code=2)
    assert 'no pg_hba.conf entry for replication connection from host "127.0.0.2"' in refused.err
    inside = server.psql("IDENTIFY_SYSTEM", conninfo=server.conninfo(host="127.0.0.1", replication="yes"))
    assert inside.out.startswith(server.value("SELECT system_identifier FROM pg_control_system()"))


@every_major
def test_tools_of_the_major_run_and_a_copy_starts_beside_the_original(postgres, postgres_on, major, workplace):
    server = postgres(major)
    server.pgbench_init()
    server.execute("CREATE EXTENSION amcheck; CREATE EXTENSION pageinspect; CREATE EXTENSION pg_visibility")
    copy = workplace.path / "copy"
    server.tool("pg_basebackup", "-D", copy, "-c", "fast")
    server.tool("pg_verifybackup", copy)
    server.tool("pg_waldump", "-n", "1", copy / "pg_wal" / server.value("SELECT pg_walfile_name(pg_current_wal_lsn())"),
                code=None)
    restored = postgres_on(major, copy).start()
    assert restored.port != server.port
    assert restored.value("SELECT count(*) FROM pgbench_accounts") == "100000"
    restored.stop()
    restored.tool("pg_checksums", "--check", "-D", copy)
    if major >= 14:
        server.tool("pg_amcheck", "--all")


@every_major
def test_a_killed_server_recovers(postgres, major):
    server = postgres(major)
    server.execute("CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n")
    server.kill()
    assert not server.running()
    server.start()
    assert server.value("SELECT sum(n) FROM kept") == "500500"
    assert "was not properly shut down" in server.log()
    server.stop("immediate")
    server.start()
    assert server.value("SELECT sum(n) FROM kept") == "500500"


@every_major
def test_archive_command_runs_a_program_of_this_machine(postgres, major, workplace):
    archive = workplace.folder("archive")
    program = workplace.write("push", "#!/usr/bin/python3\nimport shutil, sys\nshutil.copy(*sys.argv[1:])\n", mode=0o755)
    server = postgres(major, settings={"archive_mode": "on", "archive_command": f"{program} %p {archive}/%f"})
    server.execute("CREATE TABLE t (n int)")
    segment = server.switch_wal()
    server.stop()
    assert (archive / segment).stat().st_size == 16 << 20


def test_load_runs_until_it_is_stopped(postgres):
    server = postgres(MAJORS[-1])
    server.pgbench_init()
    before = server.lsn()
    load = server.pgbench_background("-c2")
    while server.value("SELECT count(*) > 20 FROM pgbench_history") != "t":
        assert load.running(), load.result(None)
    load.stop(signal.SIGINT)
    assert server.value(f"SELECT pg_current_wal_lsn() > '{before}'") == "t"


def test_a_cut_passage_breaks_open_connections_and_lets_new_ones_through(postgres, workplace):
    server = postgres(MAJORS[-1], hba=OFFICIAL_IMAGE)
    conninfo = server.outside_conninfo()
    assert server.value("SELECT 1", conninfo=conninfo) == "1"
    waiting = Background(server.programs / "psql", "-X", conninfo, "-c", "SELECT pg_sleep(3600)",
                         out=workplace.path / "psql.out", err=workplace.path / "psql.err")
    busy = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'"
    eventually(lambda: server.value(busy) == "1", "psql to be connected")
    server.passage().cut()
    assert "server closed the connection" in waiting.wait(code=2).err
    assert server.value("SELECT 1", conninfo=conninfo) == "1"


def test_a_server_that_cannot_start_shows_its_log(postgres):
    server = postgres(MAJORS[-1])
    server.stop()
    with pytest.raises(CommandFailed, match="invalid value for parameter"):
        server.start(settings={"wal_level": "nonsense"})


STAND_IN = """#!/usr/bin/python3
import json, os, signal, sys, time
if "stream" in sys.argv:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
    print("streaming", file=sys.stderr, flush=True)
    while True:
        signal.pause()
if "ask" in sys.argv:
    print(json.dumps({"arguments": sys.argv[1:], "user": os.getuid(), "word": os.environ.get("WORD"),
                      "leaked": os.environ.get("PGHOST")}))
sys.exit(3 if "missing" in sys.argv else 0)
"""


@pytest.fixture
def stand_in(tmp_path, workplace):
    path = tmp_path / "holdfast"
    path.write_text(STAND_IN)
    path.chmod(0o755)
    return Holdfast(path, workplace, 'timezone = "UTC"\n', env={"WORD": "w"})


def test_the_program_runs_with_its_configuration_as_the_servers_user(stand_in, monkeypatch, workplace):
    monkeypatch.setenv("PGHOST", "elsewhere")
    answer = stand_in.json("ask")
    assert answer["arguments"] == ["--config", str(workplace.path / "holdfast.toml"), "--json", "ask"]
    assert answer["user"] == (workplace.path / "holdfast.toml").stat().st_uid
    assert (answer["word"], answer["leaked"]) == ("w", None)
    assert stand_in.config.read_text() == 'timezone = "UTC"\n'


def test_an_unexpected_exit_status_fails_the_test(stand_in):
    assert stand_in.run("missing", code=3).code == 3
    with pytest.raises(CommandFailed, match="expected exit status 0"):
        stand_in.run("missing")


def test_the_program_runs_beside_the_test_and_takes_signals(stand_in):
    process = stand_in.start("wal", "stream", "shop")
    process.wait_for_output("streaming")
    assert process.stop(signal.SIGTERM).code == 7
    with pytest.raises(CommandFailed, match="ended without saying"):
        process.wait_for_output("never said")


INNER_TEST = """
import os, pathlib

def test_inner(postgres):
    server = postgres({major})
    pathlib.Path({seen!r}).write_text(f"{{server.process().pid}} {{server.data}}")
    os.kill(os.getpid(), 9)
"""


def test_no_server_outlives_a_test_run_that_is_killed(workplace):
    seen = workplace.path / "seen"
    inner = workplace.write("test_inner.py", INNER_TEST.format(major=MAJORS[-1], seen=str(seen)))
    tests = pathlib.Path(__file__).parents[1]
    run("/usr/bin/python3", "-m", "pytest", "-q", "-c", tests / "pytest.ini", "--rootdir", tests, "-p", "conftest", inner,
        user="root", env={"PYTHONPATH": tests, "TMPDIR": workplace.path, "PYTHONDONTWRITEBYTECODE": 1}, code=-9)
    pid, data = seen.read_text().split()
    eventually(lambda: not pathlib.Path(f"/proc/{pid}").exists(), "the end of the server")
    assert not (pathlib.Path(data) / "postmaster.pid").exists()
