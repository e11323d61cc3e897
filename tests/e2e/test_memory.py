"""Memory does not grow with the cluster: 600 MB are backed up, restored and exported in little more than 150 MB are."""

import shutil

import pytest
from harness.process import run
from harness.scene import make_scene

LIMIT = 300 * 1024  # KiB, as ru_maxrss counts
MEASURE = ("import resource, subprocess, sys\n"
           "code = subprocess.run(sys.argv[2:]).returncode\n"
           "open(sys.argv[1], 'w').write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))\n"
           "sys.exit(code)\n")


@pytest.fixture
def scene(workplace, holdfast, postgres, place):
    server = postgres(15, settings={"wal_level": "replica", "max_wal_size": "256MB", "max_locks_per_transaction": 1024})
    return make_scene(workplace, holdfast, server, place=place)


def peak(scene, *arguments):
    """The most memory that the program held, in KiB."""
    report = scene.workplace.path / "peak"
    done = run("/usr/bin/python3", "-c", MEASURE, report, scene.program.path, "--config", scene.program.config,
               *arguments, cwd=scene.workplace.path, code=None)
    assert done.code in (0, 1), done
    return int(report.read_text())


def backup_and_restore(scene):
    folder, archive = scene.new_folder(), scene.workplace.path / "shop.tar.zst"
    peaks = {"full": peak(scene, "backup", "shop", "--full"), "next": peak(scene, "backup", "shop"),
             "restore": peak(scene, "restore", "shop", "--to", folder), "verify": peak(scene, "verify"),
             "export": peak(scene, "export", "shop/latest", "--to", archive)}
    shutil.rmtree(folder)
    archive.unlink()
    print({what: f"{kib // 1024} MiB" for what, kib in peaks.items()})
    return peaks


def test_memory_is_bounded_and_does_not_grow_with_the_cluster(scene):
    scene.server.pgbench_init(8)
    small = backup_and_restore(scene)
    scene.server.pgbench_init(38)
    large = backup_and_restore(scene)
    for what, kib in large.items():
        assert kib < LIMIT, f"{what} held {kib} KiB"
        assert kib < 1.5 * small[what] + 32 * 1024, f"{what} grew from {small[what]} to {kib} KiB"


def test_memory_is_bounded_with_five_thousand_tables(scene):
    scene.server.execute("DO $$ BEGIN FOR i IN 1..5000 LOOP "
                         "EXECUTE format('CREATE TABLE t%s AS SELECT %s AS i', i, i); END LOOP; END $$")
    for what, kib in backup_and_restore(scene).items():
        assert kib < LIMIT, f"{what} held {kib} KiB"
