"""Random changes of a cluster, of every kind that an incremental backup could miss."""

import random

_TABLES = 6
_INDEXES = ("btree (n)", "hash (n)", "gin (words)", "gist (place)", "spgist (place)", "brin (n)", "btree (text)")
# OIDs for databases that are dropped and made again under the same one.
_DATABASE_OID = 90_000


def _rows(number, count):
    """Rows with small and with large values, some of which go out of line."""
    return f"""
    INSERT INTO t{number} SELECT i, md5(i::text), ARRAY[i % 17, i % 23], point(i % 100, i % 7),
        CASE WHEN i % 10 = 0 THEN (SELECT string_agg(md5((i * j)::text), '') FROM generate_series(1, 200) AS j) END
      FROM generate_series(1, {count}) AS i"""


class Operations:
    """Changes `server`, whose tablespace `elsewhere` is there; the seed makes a series repeatable. `start` starts it."""

    def __init__(self, server, seed, start):
        self.server, self.random, self.start = server, random.Random(seed), start
        self.done = []

    def prepare(self):
        for number in range(_TABLES):
            self._make_table(number)

    def step(self):
        """One of them, at random; its name."""
        names = sorted(name for name in dir(self) if name.startswith("do_"))
        name = self.random.choice(names)
        getattr(self, name)(self.random.randrange(_TABLES))
        self.done.append(name.removeprefix("do_"))
        return self.done[-1]

    def _run(self, sql, **options):
        self.server.execute(sql, **options)

    def _make_table(self, number):
        self._run(f"""
            CREATE TABLE t{number} (n int, text text, words int[], place point, large text)
              {self.random.choice(("", "TABLESPACE elsewhere", "WITH (fillfactor = 50)"))};
            {_rows(number, 400)};
            CREATE INDEX ON t{number} USING {self.random.choice(_INDEXES)}""")

    # -- rows

    def do_insert(self, number):
        self._run(_rows(number, self.random.choice((1, 50, 3000))))

    def do_update(self, number):
        self._run(f"UPDATE t{number} SET text = text || 'x' WHERE n % {self.random.randint(2, 400)} = 0")

    def do_update_in_place(self, number):
        self._run(f"UPDATE t{number} SET n = n + 1 WHERE n = {self.random.randint(1, 400)}")

    def do_delete(self, number):
        self._run(f"DELETE FROM t{number} WHERE n % {self.random.randint(2, 20)} = 0")

    def do_roll_back(self, number):
        self._run(f"BEGIN; {_rows(number, 500)}; CREATE TABLE never AS SELECT * FROM t{number}; ROLLBACK")

    def do_savepoints(self, number):
        self._run(f"""BEGIN; SAVEPOINT a; CREATE TABLE inner{number} (i int); INSERT INTO inner{number} VALUES (1);
                      ROLLBACK TO a; {_rows(number, 3)}; COMMIT""")

    def do_read(self, number):
        """Sets hint bits."""
        self._run(f"SELECT count(*) FROM t{number}; SELECT count(*) FROM t{number} WHERE n = 5")

    def do_lock_rows(self, number):
        self._run(f"BEGIN; SELECT * FROM t{number} FOR SHARE; COMMIT")

    def do_large_object(self, number):
        self._run(f"""SELECT lo_unlink(oid) FROM pg_largeobject_metadata WHERE oid = 5000 + {number};
                      SELECT lo_from_bytea(5000 + {number}, convert_to(repeat(md5(random()::text), 5000), 'UTF8'))""")

    def do_sequence(self, number):
        self._run(f"CREATE SEQUENCE IF NOT EXISTS s{number}; SELECT nextval('s{number}') FROM generate_series(1, 50)")

    # -- files

    def do_vacuum(self, number):
        self._run(f"VACUUM {self.random.choice(('', 'FREEZE', 'ANALYZE'))} t{number}")

    def do_vacuum_end(self, number):
        """Leaves room at the end of the file, which is cut off."""
        self._run(f"DELETE FROM t{number} WHERE ctid > '(1,1)'; VACUUM t{number}")

    def do_grow_after_cut(self, number):
        self.do_vacuum_end(number)
        self.do_insert(number)

    def do_vacuum_full(self, number):
        self._run(f"VACUUM FULL t{number}")

    def do_cluster(self, number):
        self._run(f"CREATE INDEX IF NOT EXISTS by_n{number} ON t{number} (n); CLUSTER t{number} USING by_n{number}")

    def do_reindex(self, number):
        self._run(f"REINDEX TABLE t{number}")

    def do_index(self, number):
        self._run(f"CREATE INDEX ON t{number} USING {self.random.choice(_INDEXES)}")

    def do_truncate(self, number):
        self._run(f"TRUNCATE t{number}; {_rows(number, 200)}")

    def do_truncate_in_one(self, number):
        self._run(f"BEGIN; TRUNCATE t{number}; {_rows(number, 20)}; COMMIT")

    def do_drop(self, number):
        self._run(f"DROP TABLE t{number}")
        self._make_table(number)

    def do_add_column(self, number):
        self._run(f"""ALTER TABLE t{number} DROP COLUMN IF EXISTS more;
                      ALTER TABLE t{number} ADD COLUMN more text DEFAULT clock_timestamp()::text""")

    def do_copy_frozen(self, number):
        self._run(f"""BEGIN; TRUNCATE t{number};
                      COPY t{number} (n, text) FROM PROGRAM 'seq -f "%g,row" 1 2000' WITH (FORMAT csv, FREEZE); COMMIT""")

    def do_unlogged(self, number):
        self._run(f"ALTER TABLE t{number} SET UNLOGGED; {_rows(number, 100)}")
        self._run(f"ALTER TABLE t{number} SET LOGGED")

    def do_tablespace_and_back(self, number):
        self._run(f"ALTER TABLE t{number} SET TABLESPACE elsewhere; {_rows(number, 10)}")
        self._run(f"ALTER TABLE t{number} SET TABLESPACE pg_default")

    def do_view(self, number):
        self._run(f"""CREATE MATERIALIZED VIEW IF NOT EXISTS v{number} AS SELECT 1 AS one;
                      REFRESH MATERIALIZED VIEW v{number}""")

    def do_two_phases(self, number):
        self._run(f"""BEGIN; CREATE TABLE prepared{number} (i int); INSERT INTO prepared{number} VALUES (1);
                      PREPARE TRANSACTION 'p{number}'""")
        self._run("CHECKPOINT")
        self._run(f"COMMIT PREPARED 'p{number}'; BEGIN; DROP TABLE prepared{number}; PREPARE TRANSACTION 'p{number}'")
        self._run(self.random.choice(("COMMIT", "ROLLBACK")) + f" PREPARED 'p{number}'")
        self._run(f"DROP TABLE IF EXISTS prepared{number}")

    # -- databases

    def _strategy(self):
        if self.server.major < 15:
            return ""
        return f"STRATEGY {self.random.choice(('wal_log', 'file_copy'))} OID {_DATABASE_OID}"

    def do_database(self, number):
        """Under the OID of the one before, with other contents."""
        self._run("DROP DATABASE IF EXISTS second")
        self._run(f"CREATE DATABASE second TEMPLATE template0 {self._strategy()}")
        self._run(f"CREATE TABLE inside AS SELECT i FROM generate_series(1, {100 * (number + 1)}) AS i", database="second")

    def do_database_elsewhere(self, number):
        self.do_database(number)
        self._run("ALTER DATABASE second SET TABLESPACE elsewhere")
        if number % 2:
            self._run("ALTER DATABASE second SET TABLESPACE pg_default")

    # -- the server

    def do_checkpoint(self, _number):
        self._run("CHECKPOINT")

    def do_switch(self, _number):
        self._run("SELECT pg_switch_wal()")

    def do_restart(self, _number):
        self.server.stop()
        self.start(self.server)

    def do_crash(self, number):
        self._run(_rows(number, 100))
        self.server.stop("immediate")
        self.start(self.server).wait_until_promoted()
