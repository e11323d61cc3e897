"""A disk ate part of a repository: what is lost is said, the next backup heals the newest, and a copy the older ones."""

import pytest
from harness.process import eventually
from harness.scene import make_scene, segments_in

OFFSITE = """
[repository.offsite]
url = "file://{path}/offsite"
key_file = "{path}/offsite.key"
"""


@pytest.fixture
def scene(workplace, holdfast, postgres):
    """Two backups, of which the second shares with the first."""
    server = postgres(15, wal_segment_mib=1)
    server.pgbench_init(1)
    copies = 'copies = ["offsite"]'
    made = make_scene(workplace, holdfast, server, repository_settings='pack_size = "1MiB"',
                      source_settings=copies + OFFSITE.format(path=workplace.path))
    made.program.run("init", "--repository", "offsite")
    made.server.execute("CREATE TABLE word AS SELECT 'first' AS text")
    return made


def two_backups(scene, copied):
    first = backup(scene, copied)
    scene.server.execute("UPDATE word SET text = 'second'; UPDATE pgbench_branches SET bbalance = 2")
    return first, backup(scene, copied)


def backup(scene, copied):
    arguments = () if copied else ("--no-copies",)
    return scene.program.run("--json", "backup", "shop", *arguments, code=None).json()["id"]


def repair(scene, *arguments, code=0):
    return scene.program.json("repair", *arguments, code=code)


def content_pack(scene):
    return max((path for path in (scene.repository / "packs").rglob("*") if path.is_file()),
               key=lambda path: path.stat().st_size)


def spoil(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o600)
    path.write_bytes(content)


def everything(scene):
    return {path: path.read_bytes() for path in scene.repository.rglob("*") if path.is_file()}


def hits(scene):
    """What verify finds at the deepest level, by backup: the files."""
    found = {}
    result = scene.program.run("--json", "verify", "--level", "data", "--no-marks", code=None).json()
    for damage in result["damages"]:
        for hit in damage["hits"]:
            found.setdefault(hit["backup"], set()).add(hit["path"])
    return found


def word(postgres_on, scene, backup_id):
    server = postgres_on(15, scene.restore("--backup", backup_id)).start()
    server.wait_until_promoted()
    text = server.value("SELECT text FROM word")
    server.stop()
    return text
