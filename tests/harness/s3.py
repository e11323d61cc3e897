"""A small S3 client for what tests do beside the program: make buckets and users, put strangers' files, look what is there."""

import dataclasses
import datetime
import hashlib
import hmac
import http.client
import json
import urllib.parse
import xml.etree.ElementTree



class RequestRefused(AssertionError):
    """The server answered otherwise than with success."""


@dataclasses.dataclass(frozen=True)
class Access:
    """Where a server is, and who asks."""
    endpoint: str  # "http://127.0.0.1:20123"
    access_key: str
    secret_key: str
    region: str = "us-east-1"

    def through(self, endpoint):
        """The same server behind a proxy."""
        return dataclasses.replace(self, endpoint=endpoint)


def _quoted(text, safe="-._~"):
    return urllib.parse.quote(text, safe=safe)


def signed_headers(access, method, path, query, body, now=None):
    """The headers that sign a request (AWS Signature Version 4)."""
    now = now or datetime.datetime.now(datetime.timezone.utc)
    moment = now.strftime("%Y%m%dT%H%M%SZ")
    headers = {"host": urllib.parse.urlsplit(access.endpoint).netloc,
               "x-amz-content-sha256": hashlib.sha256(body).hexdigest(), "x-amz-date": moment}
    names = ";".join(sorted(headers))
    canonical = "\n".join([method, path, query, *(f"{name}:{headers[name]}" for name in sorted(headers)), "", names,
                           headers["x-amz-content-sha256"]])
    scope = f"{moment[:8]}/{access.region}/s3/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", moment, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = f"AWS4{access.secret_key}".encode()
    for part in (*scope.split("/"), text):
        key = hmac.digest(key, part.encode(), "sha256")
    headers["authorization"] = (f"AWS4-HMAC-SHA256 Credential={access.access_key}/{scope}, SignedHeaders={names}, "
                                f"Signature={key.hex()}")
    return headers


def request(access, method, path, query=None, body=b"", headers=None, connect=None):
    """Sends a signed request; returns (status, headers, body) whatever the status is. `connect` is an address to use
    instead of the endpoint's name."""
    words = "&".join(f"{_quoted(k)}={_quoted(str(v))}" for k, v in sorted((query or {}).items()))
    path = _quoted(path, safe="/-._~")
    where = urllib.parse.urlsplit(access.endpoint)
    connection = http.client.HTTPConnection(*(connect or (where.hostname, where.port)), timeout=60)
    try:
        connection.request(method, path + (f"?{words}" if words else ""), body or None,
                           {**signed_headers(access, method, path, words, body), **(headers or {})})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def ask(access, *words, **options):
    """As request(), for what must succeed; the body."""
    status, _, body = request(access, *words, **options)
    if status // 100 != 2:
        raise RequestRefused(f"{words[:2]}: status {status}\n{body.decode(errors='replace')}")
    return body


@dataclasses.dataclass(frozen=True)
class Bucket:
    """A bucket as one of its users sees it."""
    access: Access
    name: str

    def create(self, lockable=False):
        """`lockable`: its objects can be locked; it keeps versions then."""
        headers = {"x-amz-bucket-object-lock-enabled": "true"} if lockable else {}
        ask(self.access, "PUT", f"/{self.name}", headers=headers)
        return self

    def seen_by(self, access):
        return Bucket(access, self.name)

    def put(self, key, body):
        ask(self.access, "PUT", f"/{self.name}/{key}", body=body)

    def get(self, key):
        return ask(self.access, "GET", f"/{self.name}/{key}")

    def remove(self, key):
        ask(self.access, "DELETE", f"/{self.name}/{key}")

    def keys(self, prefix=""):
        """The names of all objects, in order."""
        return list(self.objects(prefix))

    def objects(self, prefix=""):
        """Name to (size, entity tag)."""
        found, more = {}, {}
        while True:
            body = ask(self.access, "GET", f"/{self.name}", query={"list-type": 2, "prefix": prefix, **more})
            page = xml.etree.ElementTree.fromstring(body)
            for entry in page.findall("{*}Contents"):
                found[entry.findtext("{*}Key")] = (int(entry.findtext("{*}Size")), entry.findtext("{*}ETag"))
            if page.findtext("{*}IsTruncated") != "true":
                return found
            more = {"continuation-token": page.findtext("{*}NextContinuationToken")}

    def contents(self, prefix=""):
        """Name to bytes of everything."""
        return {key: self.get(key) for key in self.keys(prefix)}

    def keep_versions(self):
        """From now on what is replaced or removed stays as an earlier version."""
        ask(self.access, "PUT", f"/{self.name}", query={"versioning": ""},
            body=b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>")

    def versions(self, key):
        """The ids of an object's versions, the newest first; of marks of removal too."""
        body = ask(self.access, "GET", f"/{self.name}", query={"versions": "", "prefix": key})
        return [entry.findtext("{*}VersionId") for entry in xml.etree.ElementTree.fromstring(body)
                if entry.findtext("{*}Key") == key]

    def remove_version(self, key, version):
        ask(self.access, "DELETE", f"/{self.name}/{key}", query={"versionId": version})

    def locked_until(self, key):
        """(mode, moment) of an object's lock, or None."""
        status, _, body = request(self.access, "GET", f"/{self.name}/{key}", query={"retention": ""})
        if status == 404:
            return None
        lock = xml.etree.ElementTree.fromstring(body)
        until = datetime.datetime.fromisoformat(lock.findtext("{*}RetainUntilDate")[:19] + "+00:00")
        return lock.findtext("{*}Mode"), until

    def permit(self, user, *actions):
        """Lets `user` do `actions` ("s3:GetObject") here, and nothing else."""
        resources = [f"arn:aws:s3:::{self.name}", f"arn:aws:s3:::{self.name}/*"]
        policy = {"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": [f"arn:aws:iam:::user/{user}"]}, "Action": list(actions),
             "Resource": resources}]}
        ask(self.access, "PUT", f"/{self.name}", query={"policy": ""}, body=json.dumps(policy).encode())


def make_user(access, name):
    """A user of a Ceph gateway, with a key of its own; `access` is its administrator's."""
    body = ask(access, "PUT", "/admin/user", query={"uid": name, "display-name": name, "format": "json"})
    key = json.loads(body)["keys"][0]
    return dataclasses.replace(access, access_key=key["access_key"], secret_key=key["secret_key"])


def limit_buckets_of(access, name, size):
    """From now on each bucket of that user holds `size` bytes at most; None: any number."""
    limit = {"enabled": "true", "max-size-kb": size // 1024} if size is not None else {"enabled": "false"}
    ask(access, "PUT", "/admin/user", query={"quota": "", "uid": name, "quota-type": "bucket", "max-objects": -1, **limit})
