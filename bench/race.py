"""The steps by every contestant in turn, on one cluster: what all comparisons share."""

import shutil

from harness.postgres import ClusterOptions, new_server

MAJOR = 15
# What a step changes before it, as a share of the cluster's pages. An updated row of this table touches about five: its
# old and its new place, and three indexes.
CHANGED = {"0.05 % changed": 0.0005, "0.5 % changed": 0.005, "5 % changed": 0.05}
PAGES_A_ROW = 5
# Over a copy of the stopped cluster, of which so much was changed since the newest backup.
IN_PLACE = ("in place", "in place, trusted")
CHANGED_IN_PLACE = 0.005

TABLE = """
create table events (id bigint primary key, customer int, token uuid, email text, amount numeric(10,2), at timestamptz, note text);
insert into events select g, (random() * 100000)::int, gen_random_uuid(), 'user' || (random() * 1e6)::int || '@example.com',
  (random() * 10000)::numeric(10,2), now() - random() * interval '900 days', repeat(md5(g::text), (g % 3)::int)
  from generate_series(1, {rows}) g;
create index on events (token);
create index on events (email);
vacuum analyze events;
checkpoint;
"""
CHANGE = """
update events set amount = amount + 1 where id in (select (random() * {rows})::bigint from generate_series(1, {changed}));
checkpoint;
"""


def data_size(server):
    return sum(f.stat().st_size for f in (server.data / "base").rglob("*") if f.is_file())


def start(server):
    """As servers that matter run, and not as the tests' do."""
    server.start(settings={"fsync": "on"})


def loaded_server(workplace, rows):
    """A cluster of so many rows, warm in the page cache."""
    settings = {"archive_mode": "on", "archive_command": "true", "max_wal_size": "4GB", "shared_buffers": "512MB",
                "autovacuum": "off", "wal_keep_size": "2GB"}
    server = new_server(workplace, MAJOR, "bench", ClusterOptions(settings=settings))
    start(server)
    print(f"loading {rows} rows", flush=True)
    server.psql(TABLE.format(rows=rows), deadline=1800)
    return server


def warm_up(workplace, server):
    """A virtual machine gets its memory when it is first touched, which whoever comes first would pay for."""
    for name in ("warm-1", "warm-2"):
        shutil.copytree(server.data / "base", workplace.path / name)
    for name in ("warm-1", "warm-2"):
        shutil.rmtree(workplace.path / name)


def change(server, share, arguments):
    pages = share * data_size(server) / 8192
    server.execute(CHANGE.format(rows=arguments.rows, changed=round(pages / PAGES_A_ROW)))


def leave_stopped_copies(server, contestants):
    server.stop()
    for contestant in contestants:
        contestant.take_stopped(server.data)
    start(server)


def race(server, contestants, steps, arguments):
    """Every step by every contestant, round by round, so that a noisy minute strikes all alike; who begins changes."""
    samples = {}
    for number in range(arguments.rounds):
        turn = number % len(contestants)
        order = contestants[turn:] + contestants[:turn]
        for contestant in order:
            contestant.reset()
        for step in steps:
            if step in CHANGED:
                change(server, CHANGED[step], arguments)
            if step in IN_PLACE:
                change(server, CHANGED_IN_PLACE, arguments)
                leave_stopped_copies(server, order)
            for contestant in order:
                sample = contestant.do(step)
                if sample is None:
                    continue
                samples.setdefault((step, contestant.name), []).append(sample)
                print(f"round {number + 1}  {step:15} {contestant.name:18} {sample}", flush=True)
    return samples


def summary(samples, contestants, steps):
    """Medians, and each one's time as a ratio to the first contestant's."""
    rows = []
    for step in steps:
        ours = samples.get((step, contestants[0].name))
        for contestant in contestants:
            taken = samples.get((step, contestant.name))
            if not taken:
                continue
            middle = type(taken[0]).median(taken)
            ratio = middle.seconds / type(ours[0]).median(ours).seconds if ours else None
            rows.append({"step": step, "contestant": contestant.name, "rounds": len(taken), **middle.facts(),
                         "ratio": round(ratio, 2) if ratio else None})
    return rows
