"""The object stores of the tests and the chaos before them do what their descriptions say, and leave nothing behind."""

# ctest needs: rgw s3rver

import http.client
import os
import pathlib
import subprocess

import pytest
from harness import chaos
from harness.object_store import OBJECT_STORE_TOOL, RGW, S3RVER, new_bucket, remove_bucket
from harness.process import eventually
from harness.s3 import Bucket, RequestRefused, limit_buckets_of, make_user, request

BODY = bytes(range(256)) * 64


def code_of(answer):
    """The error code in a refusal."""
    return answer[2].decode().partition("<Code>")[2].partition("</Code>")[0]


@pytest.fixture
def bucket(object_stores, workplace):
    return new_bucket(object_stores.access(RGW), workplace)


@pytest.mark.parametrize("kind", [RGW, S3RVER])
def test_objects_come_back(object_stores, kind):
    bucket = Bucket(object_stores.access(kind), f"hf-harness-{os.getpid()}").create()
    bucket.put("odd name/c+d=é", BODY)
    bucket.put("other", b"")
    assert bucket.keys() == ["odd name/c+d=é", "other"]
    assert bucket.contents("odd") == {"odd name/c+d=é": BODY}
    for key in bucket.keys():
        bucket.remove(key)
    assert bucket.keys() == []


def test_a_listing_longer_than_a_page_is_whole(bucket):
    names = [f"{number:04}" for number in range(1100)]
    for name in names:
        bucket.put(name, b"")
    assert bucket.keys() == names


def test_what_a_gateway_refuses(object_stores, bucket):
    bucket.put("there", BODY)
    path = f"/{bucket.name}/there"
    assert request(bucket.access, "PUT", path, body=b"new", headers={"If-None-Match": "*"})[0] == 412
    assert bucket.get("there") == BODY
    stranger = Bucket(make_user(object_stores.access(RGW), f"stranger-{bucket.name}"), bucket.name)
    with pytest.raises(RequestRefused, match="AccessDenied"):
        stranger.get("there")
    bucket.permit(f"stranger-{bucket.name}", "s3:GetObject", "s3:ListBucket")
    assert stranger.contents() == {"there": BODY}
    for method, body in (("PUT", b"new"), ("DELETE", b"")):
        assert code_of(request(stranger.access, method, path, body=body)) == "AccessDenied"


def test_a_quota_fills_a_bucket(object_stores, workplace):
    admin = object_stores.access(RGW)
    name = f"small-{os.getpid()}"
    small = Bucket(make_user(admin, name), name).create()
    workplace.at_end(lambda: remove_bucket(small.seen_by(admin)))
    limit_buckets_of(admin, name, 3 * len(BODY))
    for number in range(3):
        small.put(str(number), BODY)
    with pytest.raises(RequestRefused, match="QuotaExceeded"):
        small.put("last", BODY)
    limit_buckets_of(admin, name, None)
    small.put("last", BODY)


def test_a_name_before_the_host_is_a_bucket(bucket):
    bucket.put("there", BODY)
    port = int(bucket.access.endpoint.rpartition(":")[2])
    host = bucket.access.through(f"http://{bucket.name}.localhost:{port}")
    assert request(host, "GET", "/there", connect=("127.0.0.1", port))[2] == BODY


# -- chaos


def troubled(bucket, kind):
    return chaos.Chaos(bucket.access.endpoint, share=1, kinds=(kind,), patience=1)


@pytest.mark.parametrize("kind,status", [(chaos.SLOW_DOWN, 503), (chaos.SERVER_ERROR, 500), (chaos.ERROR_AFTER, 500)])
def test_chaos_refuses_before_or_after_the_store_was_asked(bucket, kind, status):
    with troubled(bucket, kind) as proxy:
        access = bucket.access.through(proxy.endpoint)
        assert request(access, "PUT", f"/{bucket.name}/x", body=BODY)[0] == status
        assert bucket.keys() == (["x"] if kind == chaos.ERROR_AFTER else [])
        assert request(access, "PUT", f"/{bucket.name}/x", body=BODY)[0] == 200
    assert proxy.counts == {"passed": 2, kind: 1}


@pytest.mark.parametrize("kind", [chaos.RESET_REQUEST, chaos.RESET_ANSWER, chaos.TRUNCATE, chaos.DROP_ANSWER])
def test_chaos_breaks_connections(bucket, kind):
    with troubled(bucket, kind) as proxy:
        access = bucket.access.through(proxy.endpoint)
        with pytest.raises((http.client.HTTPException, OSError)):
            request(access, "PUT", f"/{bucket.name}/x", body=BODY)
        assert bucket.keys() == ([] if kind == chaos.RESET_REQUEST else ["x"])
        bucket.put("x", BODY)
        with pytest.raises((http.client.HTTPException, OSError)):
            request(access, "GET", f"/{bucket.name}/x")
        assert request(access, "GET", f"/{bucket.name}/x")[2] == BODY


def test_chaos_hands_out_halves_that_look_whole(bucket):
    bucket.put("x", BODY)
    with troubled(bucket, chaos.SHORT_LENGTH) as proxy:
        access = bucket.access.through(proxy.endpoint)
        status, headers, body = request(access, "GET", f"/{bucket.name}/x")
        assert (status, headers["Content-Length"], body) == (200, str(len(BODY) // 2), BODY[:len(BODY) // 2])


def test_chaos_repeats_requests(bucket):
    with troubled(bucket, chaos.DUPLICATE) as proxy:
        answer = request(bucket.access.through(proxy.endpoint), "PUT", f"/{bucket.name}/x", body=BODY,
                         headers={"If-None-Match": "*"})
    assert answer[0] == 412
    assert bucket.contents() == {"x": BODY}


def test_a_seed_repeats_the_fate_of_requests(bucket):
    def fates(seed):
        with chaos.Chaos(bucket.access.endpoint, share=0.5, seed=seed, kinds=(chaos.SLOW_DOWN,)) as proxy:
            access = bucket.access.through(proxy.endpoint)
            return [request(access, "HEAD", f"/{bucket.name}/{number}")[0] for number in range(20)]
    assert fates(1) == fates(1)
    assert fates(1) != fates(2)
    assert set(fates(1)) == {404, 503}


# -- life


def up(kind, folder, *words):
    return subprocess.run([OBJECT_STORE_TOOL, "up", kind, folder, *words], check=True, capture_output=True, text=True).stdout


def processes_in(folder):
    """The processes that work in a folder."""
    found = []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            found += [process.name] if str(folder) in os.readlink(process / "cwd") else []
        except OSError:
            continue
    return found


def test_servers_run_side_by_side_and_leave_nothing(tmp_path):
    first, second = (up(RGW, tmp_path / name) for name in "ab")
    assert first != second
    assert up(RGW, tmp_path / "a") == first
    assert len(processes_in(tmp_path)) == 6
    for name in "ab":
        subprocess.run([OBJECT_STORE_TOOL, "down", tmp_path / name], check=True)
    assert processes_in(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", [RGW, S3RVER])
def test_a_server_ends_with_its_owner(tmp_path, kind):
    owner = subprocess.Popen(["sleep", "600"])
    up(kind, tmp_path / "a", "--owner", str(owner.pid))
    assert processes_in(tmp_path)
    owner.kill()
    owner.wait()
    eventually(lambda: not (tmp_path / "a").exists(), "the end of the server")
    assert processes_in(tmp_path) == []


def test_a_folder_of_somebody_elses_is_left_alone(tmp_path):
    (tmp_path / "mine").write_text("keep me")
    done = subprocess.run([OBJECT_STORE_TOOL, "up", S3RVER, tmp_path], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "not empty" in done.stderr
    assert [entry.name for entry in tmp_path.iterdir()] == ["mine"]
