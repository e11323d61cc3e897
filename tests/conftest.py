"""Fixtures of the end-to-end tests; see README.md."""

import os

import pytest

from harness.postgres import ClusterOptions, new_server, server_on
from harness.program import Holdfast
from harness.workplace import Workplace

_WORKPLACE = pytest.StashKey()


@pytest.fixture
def workplace(request):
    """The test's folder; everything started in it is stopped at the test's end."""
    place = Workplace()
    request.node.stash[_WORKPLACE] = place
    yield place
    place.close()


@pytest.fixture
def postgres(workplace):
    """postgres(17, checksums=False, settings={...}) makes a cluster and starts its server."""
    def make(major, name=None, **options):
        return new_server(workplace, major, name, ClusterOptions(**options)).start()
    return make


@pytest.fixture
def postgres_on(workplace):
    """postgres_on(17, data_directory) is a server, not started, on a folder that holds a cluster already."""
    return lambda major, data, name=None: server_on(workplace, major, data, name)


@pytest.fixture
def holdfast(workplace):
    """holdfast(config) is the program with that configuration."""
    program = os.environ.get("HOLDFAST_PROGRAM")
    if not program:
        pytest.fail("HOLDFAST_PROGRAM does not name the program under test")
    return lambda config="", **options: Holdfast(program, workplace, config, **options)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows what its servers said last."""
    report = (yield).get_result()
    place = item.stash.get(_WORKPLACE, None)
    if report.failed and place and call.when == "call":
        for server in place.servers:
            report.sections.append((f"log of PostgreSQL {server.major}, {server.data}", server.log()[-8000:]))
