#!/bin/bash
# Shows on a private PostgreSQL that holdfast keeps its word: a server under load is backed up twice, rows are deleted
# "by mistake", and the moment before is restored, started and compared. Nothing of it is left behind.
#
#   tests/demo/demo.sh PATH_TO_HOLDFAST
#
# Exit status 0 only when everything was as promised.
set -euo pipefail
export LC_ALL=C

PGBIN=/usr/lib/postgresql/15/bin
SCALE=10           # of pgbench: a million accounts, 150 MiB
TRANSACTIONS=100   # a second, all the time
PORT=5432          # names a socket in a folder of its own, so it is free whatever else runs here
RESTORED_PORT=5433

usage() { echo "usage: $0 PATH_TO_HOLDFAST" >&2; exit 2; }
[[ $# -eq 1 && -x $1 && ! -d $1 ]] || usage
[[ -x $PGBIN/postgres ]] || { echo "demo: there is no PostgreSQL 15 in $PGBIN" >&2; exit 2; }

ROOM=$(mktemp -d /tmp/holdfast-demo.XXXXXX)
HOLDFAST=$ROOM/holdfast # a copy: it can be run by the server's user, and its processes are known by it
CHILDREN=()             # our background processes
REPORT=()               # "seconds|step|remark"

# PostgreSQL does not run as root.
PLAIN=(env -i "PATH=$PATH" LC_ALL=C "HOME=$ROOM" "HOLDFAST_CONFIG=$ROOM/holdfast.toml" TZ=UTC)
AS_USER=("${PLAIN[@]}")
[[ $(id -u) -ne 0 ]] || AS_USER=(setpriv --reuid postgres --regid postgres --init-groups "${PLAIN[@]}")

# ---- Leaving nothing behind -------------------------------------------------------------------------------------------

# Every process that runs our copy of the program, prefetching ones of a recovery included.
processes_of_ours() {
  local exe
  for exe in /proc/[0-9]*/exe; do
    [[ $(readlink "$exe" 2>/dev/null) == "$HOLDFAST"* ]] && basename "${exe%/exe}"
  done
  return 0
}

# end PID...: politely, and after ten seconds not so.
end() {
  local pid deadline=$((SECONDS + 10))
  for pid in "$@"; do kill -TERM "$pid" 2>/dev/null || true; done
  for pid in "$@"; do
    while kill -0 "$pid" 2>/dev/null && ((SECONDS < deadline)); do sleep 0.05; done
    kill -KILL "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
}

stop_server() {
  [[ ! -e $1/postmaster.pid ]] ||
    "${AS_USER[@]}" "$PGBIN/pg_ctl" -D "$1" -m immediate -w -t 30 stop >/dev/null 2>&1 || true
}

clean_up() {
  local status=$?
  trap - EXIT
  trap '' INT TERM HUP
  cd /
  stop_server "$ROOM/restored"
  end "${CHILDREN[@]}"
  stop_server "$ROOM/shop"
  # shellcheck disable=SC2046
  end $(processes_of_ours)
  case $status in
    0) ;;
    130 | 143) printf '\ndemo: interrupted; nothing is left of it\n' >&2 ;;
    *)
      tail -n 5 "$ROOM"/*.log >&2 2>/dev/null || true
      printf '\ndemo: failed with status %s\n' "$status" >&2
      ;;
  esac
  rm -rf "$ROOM"
  exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# ---- Words ------------------------------------------------------------------------------------------------------------

say() { printf '\n== %s\n' "$*"; }
tell() { printf '   %s\n' "$*"; }
fail() { printf '\ndemo: NOT AS PROMISED: %s\n' "$*" >&2; exit 1; }

shorten() { sed -u -e "s|$ROOM/holdfast |holdfast |g" -e "s|$ROOM|DEMO|g"; }

# as_user COMMAND...
as_user() { (cd "$ROOM" && exec "${AS_USER[@]}" "$@"); }

# show COMMAND...: as a person would type it, with what it prints.
show() {
  printf '   $ %s\n' "${*@Q}" | sed "s/'\([A-Za-z0-9_.,:=/+-]*\)'/\1/g" | shorten
  as_user "$@" 2>&1 | sed -u 's/^./     &/' | shorten
}

# background NAME COMMAND...: its words go to NAME.log.
background() {
  local name=$1
  shift
  (cd "$ROOM" && exec "${AS_USER[@]}" "$@") >"$ROOM/$name.log" 2>&1 &
  CHILDREN+=($!)
}

# wait_for SECONDS WHAT COMMAND...: until the command succeeds.
wait_for() {
  local what=$2 deadline=$((SECONDS + $1))
  shift 2
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < deadline)) || fail "$what took too long"
    sleep 0.1
  done
}

# timed STEP REMARK COMMAND...
timed() {
  local step=$1 remark=$2 begin=$EPOCHREALTIME
  shift 2
  "$@"
  REPORT+=("$(awk -v a="$begin" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }')|$step|$remark")
}

# sql PORT STATEMENT: the bare answer.
sql() { as_user "$PGBIN/psql" -X -q -A -t -v ON_ERROR_STOP=1 -h "$ROOM" -p "$1" -U postgres -d shop -c "$2"; }
# rows PORT STATEMENT: as a table.
rows() {
  as_user "$PGBIN/psql" -X -q -P footer=off -h "$ROOM" -p "$1" -U postgres -d shop -c "$2" | sed 's/^./     &/'
}

# json EXPRESSION COMMAND...: a Python expression over what the command prints, which is called `data`.
json() {
  local expression=$1
  shift
  as_user "$@" --json 2>/dev/null | python3 -c "import json, sys; data = json.load(sys.stdin); print($expression)"
}

# ---- The server -------------------------------------------------------------------------------------------------------

make_server() {
  as_user "$PGBIN/initdb" -D "$ROOM/shop" -U postgres -A trust --data-checksums -E UTF8 --no-instructions >"$ROOM/initdb.log"
  cat >>"$ROOM/shop/postgresql.conf" <<END
listen_addresses = ''
unix_socket_directories = '$ROOM'
port = $PORT
shared_buffers = 64MB
timezone = 'UTC'
END
  start_server shop "$PORT"
  as_user "$PGBIN/createdb" -h "$ROOM" -p "$PORT" -U postgres shop
}

start_server() {
  as_user "$PGBIN/pg_ctl" -D "$ROOM/$1" -l "$ROOM/$1.log" -o "-p $2" -w -t 60 start >/dev/null
}

fill() {
  as_user "$PGBIN/pgbench" -i -q -s "$SCALE" -h "$ROOM" -p "$PORT" -U postgres shop >"$ROOM/pgbench-init.log" 2>&1
  sql "$PORT" "
    CREATE TABLE orders (id int PRIMARY KEY, customer text, item text, price numeric(8, 2), ordered_at timestamptz);
    INSERT INTO orders
    SELECT n,
           (ARRAY['Ada', 'Grace', 'Edgar', 'Barbara', 'Donald', 'Radia', 'Ken', 'Frances'])[1 + n % 8],
           (ARRAY['red teapot', 'blue lamp', 'oak chair', 'wool blanket', 'brass clock'])[1 + n % 5],
           9.90 + n % 90, timestamptz '2026-11-01' + n * interval '17 minutes'
    FROM generate_series(1, 1000) AS n"
}

work() {
  background workload "$PGBIN/pgbench" -n -c 2 -T 3600 -R "$TRANSACTIONS" -h "$ROOM" -p "$PORT" -U postgres shop
  wait_for 30 "the workload's first transaction" test_sql "$PORT" "SELECT count(*) > 0 FROM pgbench_history"
}

test_sql() { [[ $(sql "$1" "$2") == t ]]; }

digest_of_orders() { sql "$1" "SELECT count(*) || ' rows, md5 ' || md5(string_agg(o::text, ';' ORDER BY id)) FROM orders o"; }

# What pgbench's transactions keep equal: money that moved is found in accounts, tellers, branches and the history.
books_balance() {
  test_sql "$1" "
    SELECT (SELECT sum(abalance) FROM pgbench_accounts) = (SELECT sum(delta) FROM pgbench_history)
       AND (SELECT sum(tbalance) FROM pgbench_tellers) = (SELECT sum(delta) FROM pgbench_history)
       AND (SELECT sum(bbalance) FROM pgbench_branches) = (SELECT sum(delta) FROM pgbench_history)"
}

# ---- holdfast ---------------------------------------------------------------------------------------------------------

make_repository() {
  show "$HOLDFAST" init --url "file://$ROOM/repository" --key-file "$ROOM/main.key" --write-config
  cat >>"$ROOM/holdfast.toml" <<END

[source.shop]
type = "postgres"
connection = "host=$ROOM port=$PORT user=holdfast dbname=shop"
data_directory = "$ROOM/shop"
END
  sed -i "1i state_directory = \"$ROOM/state\"\n" "$ROOM/holdfast.toml"
}

# A role that is no superuser, with the rights that holdfast asks for.
grant_rights() {
  sql "$PORT" "CREATE ROLE holdfast LOGIN"
  sql "$PORT" "$(as_user "$HOLDFAST" check shop --grants --role holdfast)"
  tell "A role \"holdfast\" got what \"holdfast check shop --grants\" printed. It is no superuser."
}

stored_lsn() { json "(data['receiver'] or {}).get('stored_lsn') or '0/0'" "$HOLDFAST" wal status shop; }

# stored_up_to LSN: whether the receiver has brought WAL up to there into the repository.
stored_up_to() { test_sql "$PORT" "SELECT '$(stored_lsn)'::pg_lsn >= '$1'::pg_lsn"; }

receive_wal() {
  background receiver "$HOLDFAST" wal stream shop
  local lsn
  lsn=$(sql "$PORT" "SELECT pg_current_wal_flush_lsn()")
  wait_for 60 "receiving WAL" stored_up_to "$lsn"
}

bytes_stored() { json "sorted(data, key=lambda b: b['sequence'])[-1]['bytes_stored']" "$HOLDFAST" list shop; }

# ---- The demonstration ------------------------------------------------------------------------------------------------

prepare_room() {
  cp "$PROGRAM" "$HOLDFAST"
  chmod 755 "$HOLDFAST"
  if [[ $(id -u) -eq 0 ]]; then chown -R postgres: "$ROOM"; fi
}

lose_rows() {
  BEFORE=$(digest_of_orders "$PORT")
  tell "The orders as they are: $BEFORE"
  rows "$PORT" "SELECT * FROM orders WHERE customer = 'Ada' ORDER BY id LIMIT 3"
  MOMENT=$(sql "$PORT" "SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')")
  tell "It is $MOMENT. Now somebody forgets the second half of a WHERE:"
  tell "DELETE FROM orders WHERE customer = 'Ada'"
  sql "$PORT" "DELETE FROM orders WHERE customer = 'Ada'"
  local lsn
  lsn=$(sql "$PORT" "SELECT pg_current_wal_flush_lsn()")
  AFTER=$(digest_of_orders "$PORT")
  tell "What is left:           $AFTER"
  [[ $AFTER != "$BEFORE" ]] || fail "the delete deleted nothing"
  timed "mistake is in the repository" "the receiver's lag" wait_for 60 "storing the mistake" stored_up_to "$lsn"
}

restore_moment() { show "$HOLDFAST" restore shop --to "$ROOM/restored" --at "$MOMENT"; }

start_restored() {
  start_server restored "$RESTORED_PORT"
  wait_for 60 "recovery" test_sql "$RESTORED_PORT" "SELECT NOT pg_is_in_recovery()"
}

compare() {
  local found
  found=$(digest_of_orders "$RESTORED_PORT")
  tell "recorded before: $BEFORE"
  tell "restored:        $found"
  [[ $found == "$BEFORE" ]] || fail "the restored orders are not those of $MOMENT"
  rows "$RESTORED_PORT" "SELECT * FROM orders WHERE customer = 'Ada' ORDER BY id LIMIT 3"
  books_balance "$RESTORED_PORT" || fail "the restored accounts do not balance"
  tell "And the books of the workload balance in the restored cluster, to the last transaction."
  [[ $(digest_of_orders "$PORT") == "$AFTER" ]] || fail "the source was changed by the restore"
  tell "The source runs on, untouched."
}

print_report() {
  local line seconds step remark
  for line in "${REPORT[@]}"; do
    IFS='|' read -r seconds step remark <<<"$line"
    printf '   %-30s %6s s%s\n' "$step" "$seconds" "${remark:+   $remark}"
  done
}

main() {
  local first second
  say "A private PostgreSQL 15 in $ROOM, under load from here on"
  prepare_room
  timed "make a server" "" make_server
  timed "fill it" "" fill
  tell "$(sql "$PORT" "SELECT pg_size_pretty(sum(pg_database_size(oid))) FROM pg_database"), and $TRANSACTIONS transactions a second."
  work

  say "A repository, with a key of its own"
  timed "init" "" make_repository

  say "Does everything work that a backup and a restore need?"
  grant_rights
  timed "check" "" show "$HOLDFAST" check shop

  say "Receive WAL as it is written (holdfast wal stream shop, in the background)"
  timed "WAL is flowing" "" receive_wal

  say "A backup, and another one: the second stores only what changed"
  timed "first backup" "" show "$HOLDFAST" backup shop
  first=$(bytes_stored)
  timed "second backup" "" show "$HOLDFAST" backup shop
  second=$(bytes_stored)
  tell "Stored: $first bytes the first time, $second the second."
  ((second * 2 < first)) || fail "the second backup stored $second bytes, the first one $first"
  show "$HOLDFAST" list shop

  say "A mistake"
  lose_rows

  say "The moment before, into a new directory"
  timed "restore" "" restore_moment
  timed "start and recover" "replaying WAL" start_restored

  say "Is it what it was?"
  compare

  say "Is what is stored whole, to the last page?"
  timed "verify" "" show "$HOLDFAST" verify shop

  say "What could be recovered now"
  show "$HOLDFAST" status shop

  say "As promised. How long it took:"
  print_report
}

PROGRAM=$(realpath "$1")
main
