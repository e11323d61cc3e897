"""Fixtures of the end-to-end tests; see README.md."""

import os
import signal

import pytest

from harness.object_store import ObjectStores
from harness.places import chosen_place
from harness.postgres import ClusterOptions, new_server, server_on
from harness.program import Holdfast
from harness.protection import Protection
from harness.workplace import Workplace

# A shell's background jobs ignore it, and so would all that tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

_WORKPLACE = pytest.StashKey()
_SHARED_WORKPLACES = pytest.StashKey()


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


def _program():
    program = os.environ.get("HOLDFAST_PROGRAM")
    if not program:
        pytest.fail("HOLDFAST_PROGRAM does not name the program under test")
    return program


@pytest.fixture
def holdfast(workplace):
    """holdfast(config) is the program with that configuration."""
    return lambda config="", **options: Holdfast(_program(), workplace, config, **options)


@pytest.fixture(scope="session")
def object_stores():
    """S3 servers: object_stores.access("rgw")."""
    stores = ObjectStores()
    yield stores
    stores.close()


@pytest.fixture
def place(object_stores, workplace):
    """Where the test's repository is to lie: harness.places."""
    return chosen_place(object_stores, workplace)


def _protection(stores, workplace, major, *words, place=None, **options):
    return Protection(_program(), workplace, place or chosen_place(stores, workplace), major, *words, **options)


@pytest.fixture
def protect(object_stores, workplace):
    """protect(17, ...) is a running source with a repository: harness.protection.Protection."""
    return lambda *words, **options: _protection(object_stores, workplace, *words, **options)


@pytest.fixture(scope="module")
def protect_for_all(object_stores, request):
    """As protect, for all tests of a file; each one has a folder of its own."""
    workplaces = request.node.stash.setdefault(_SHARED_WORKPLACES, [])

    def make(*words, **options):
        workplaces.append(Workplace())
        return _protection(object_stores, workplaces[-1], *words, **options)
    yield make
    for workplace in workplaces:
        workplace.close()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    """A failed test shows what its servers said last."""
    report = (yield).get_result()
    if report.failed:
        places = [item.stash.get(_WORKPLACE, None), *item.getparent(pytest.Module).stash.get(_SHARED_WORKPLACES, [])]
        for server in (server for place in places if place for server in place.servers):
            report.sections.append((f"log of PostgreSQL {server.major}, {server.data}", server.log()[-8000:]))
