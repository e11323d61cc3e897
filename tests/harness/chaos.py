"""A proxy in front of an object store that does to requests what networks and busy servers do to them.

As a program it stands in front of ENDPOINT until it is told to end, and prints its own address:

    python3 -m harness.chaos ENDPOINT [--share 0.1] [--seed N] [--only KIND]... [--certificate PEM] [-- COMMAND...]

With a COMMAND it runs that, with {endpoint} in its words replaced, and ends with its exit status.
"""

import argparse
import collections
import contextlib
import dataclasses
import os
import random
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
import urllib.parse

# What can happen to a request. `applied` ones reach the store, whatever the client is told.
SLOW_DOWN = "slow down"                # 503 SlowDown instead of passing it on
SERVER_ERROR = "server error"          # 500 InternalError instead of passing it on
DELAY = "delay"                        # passed on late
RESET_REQUEST = "reset request"        # the connection is reset before the request was read to its end
RESET_ANSWER = "reset answer"          # applied; the connection is reset within the answer's body
TRUNCATE = "truncate"                  # applied; the connection ends in order within the answer's body
SHORT_LENGTH = "short length"          # applied; half of the body, and a Content-Length that agrees with the half
DROP_ANSWER = "drop answer"            # applied; the connection ends without any answer
ERROR_AFTER = "error after"            # applied; 500 instead of the answer
DUPLICATE = "duplicate"                # applied twice; the second answer counts

KINDS = (SLOW_DOWN, SERVER_ERROR, DELAY, RESET_REQUEST, RESET_ANSWER, TRUNCATE, SHORT_LENGTH, DROP_ANSWER, ERROR_AFTER,
         DUPLICATE)
_DELAYS = (0.02, 0.5)  # seconds, from and to
_PIECE = 1 << 18
_MAX_HEAD = 1 << 16
_ERROR = ('<?xml version="1.0" encoding="UTF-8"?>'
          "<Error><Code>{code}</Code><Message>{code} by chaos</Message><RequestId>chaos</RequestId></Error>")


class _Closed(Exception):
    """The other side ended the connection."""


@dataclasses.dataclass
class _Message:
    """The head of a request or an answer, as it came, and how long its body is."""
    start: str
    fields: list  # (name, value), as they came

    def get(self, name, default=None):
        return next((value for field, value in self.fields if field.lower() == name), default)

    def without(self, *names):
        return dataclasses.replace(self, fields=[(k, v) for k, v in self.fields if k.lower() not in names])

    def with_field(self, name, value):
        kept = self.without(name.lower())
        return dataclasses.replace(kept, fields=[*kept.fields, (name, value)])

    def encoded(self):
        lines = [self.start, *(f"{name}: {value}" for name, value in self.fields), "", ""]
        return "\r\n".join(lines).encode("latin-1")

    @property
    def status(self):
        return int(self.start.split()[1])


class _Wire:
    """A connection with a buffer."""

    def __init__(self, connection):
        self.socket = connection
        self._buffer = b""

    def _fill(self):
        data = self.socket.recv(_PIECE)
        if not data:
            raise _Closed
        self._buffer += data

    def head(self):
        while b"\r\n\r\n" not in self._buffer:
            if len(self._buffer) > _MAX_HEAD:
                raise _Closed
            self._fill()
        head, self._buffer = self._buffer.split(b"\r\n\r\n", 1)
        start, *lines = head.decode("latin-1").split("\r\n")
        return _Message(start, [tuple(part.strip() for part in line.split(":", 1)) for line in lines])

    def pieces(self, length):
        """Exactly `length` bytes, as they come."""
        while length:
            if not self._buffer:
                self._fill()
            piece, self._buffer = self._buffer[:length], self._buffer[length:]
            length -= len(piece)
            yield piece

    def line(self):
        while b"\r\n" not in self._buffer:
            self._fill()
        line, self._buffer = self._buffer.split(b"\r\n", 1)
        return line

    def body(self, message):
        """The whole body of a message; bytes of the wire, so that a chunked one stays chunked."""
        if (message.get("transfer-encoding") or "").lower() != "chunked":
            return b"".join(self.pieces(int(message.get("content-length", 0))))
        parts = []
        while True:
            size = self.line()
            parts += [size, b"\r\n", *self.pieces(int(size.split(b";")[0], 16) + 2)]
            if int(size.split(b";")[0], 16) == 0:
                return b"".join(parts)

    def send(self, data):
        self.socket.sendall(data)

    def reset(self):
        """Ends the connection the hard way, with an RST."""
        with contextlib.suppress(OSError):
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def cut(self):
        """Wakes whoever reads from or writes to it."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)

    def close(self):
        self.cut()
        with contextlib.suppress(OSError):
            self.socket.close()


class Chaos:
    """Listens on 127.0.0.1 and passes requests on to `endpoint`, about `share` of them with one of `kinds` done to them.

    The n-th request's fate depends on `seed` and n alone. What a client cannot get through however often it tries would
    be an outage: after `patience` troubles in a row a request for the same object and method passes as it is.
    `counts` says how often each kind happened, and "passed" how many requests there were in all.
    With `context` clients speak TLS. The Host header is passed on as it came: signatures cover it.
    """

    def __init__(self, endpoint, share=0.1, seed=None, kinds=KINDS, patience=4, context=None, port=0):
        self.seed = random.SystemRandom().randrange(1 << 32) if seed is None else seed
        self.counts = collections.Counter()
        self.share = share
        self._kinds, self._patience, self._context = kinds, patience, context
        where = urllib.parse.urlsplit(endpoint)
        self._target = (where.hostname, where.port)
        self._lock = threading.Lock()
        self._streaks = collections.Counter()
        self._open = set()
        self._listener = socket.create_server(("127.0.0.1", port), backlog=128)
        self.port = self._listener.getsockname()[1]
        self.endpoint = f"{'https' if context else 'http'}://127.0.0.1:{self.port}"
        self._closing = False
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self):
        while True:
            try:
                client = self._listener.accept()[0]
            except OSError:
                return
            thread = threading.Thread(target=self._carry, args=(client,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def close(self):
        self._closing = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._threads[0].join()
        with self._lock:
            for end in self._open:
                end.cut()
        for thread in self._threads[1:]:
            thread.join(10)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __str__(self):
        return f"chaos: seed {self.seed}, {dict(self.counts)}"

    # -- one connection

    def _carry(self, client):
        wire, upstream = None, None
        try:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._context:
                client = self._context.wrap_socket(client, server_side=True)
            wire, upstream = _Wire(client), _Upstream(self._target)
            with self._lock:
                self._open |= {wire, upstream}
            while not self._closing and self._serve(wire, upstream):
                pass
        except (_Closed, OSError, ssl.SSLError):
            pass
        finally:
            with self._lock:
                self._open -= {wire, upstream}
            for end in (wire, upstream):
                if end:
                    end.close()
            client.close()

    def _serve(self, wire, upstream):
        """One request; whether the connection can take another one."""
        request = wire.head()
        method, target, _ = request.start.split()
        kind = self._fate(method, target)
        if (request.get("expect") or "").lower() == "100-continue":
            wire.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        if kind == RESET_REQUEST:
            half = int(request.get("content-length", 0)) // 2
            for _ in wire.pieces(half):
                pass
            wire.reset()
            return False
        body = wire.body(request)
        if kind in (SLOW_DOWN, SERVER_ERROR):
            return self._refuse(wire, request, kind)
        if kind == DELAY:
            time.sleep(random.Random(f"{self.seed} {self.counts['passed']}").uniform(*_DELAYS))
        if kind == DUPLICATE:
            upstream.exchange(request, body)
        return self._answer(wire, request, kind, *upstream.exchange(request, body))

    def _fate(self, method, target):
        with self._lock:
            number = self.counts["passed"]
            self.counts["passed"] += 1
            rng = random.Random(f"{self.seed}:{number}")
            what = (method, target.split("?")[0])
            if rng.random() >= self.share or self._streaks[what] >= self._patience:
                del self._streaks[what]
                return None
            kind = rng.choice(self._kinds)
            self.counts[kind] += 1
            self._streaks[what] += 1
            return kind

    @staticmethod
    def _refuse(wire, request, kind):
        status, code = ("503 Slow Down", "SlowDown") if kind == SLOW_DOWN else ("500 Internal Server Error", "InternalError")
        text = _ERROR.format(code=code).encode()
        head = _Message(f"HTTP/1.1 {status}", [("Content-Type", "application/xml"), ("Content-Length", str(len(text)))])
        wire.send(head.encoded() + (b"" if request.start.startswith("HEAD ") else text))
        return True

    def _answer(self, wire, request, kind, answer, body):
        if kind == ERROR_AFTER:
            return self._refuse(wire, request, SERVER_ERROR)
        if kind == DROP_ANSWER:
            wire.close()
            return False
        half = body[:len(body) // 2]
        if kind in (RESET_ANSWER, TRUNCATE):
            # An answer without a body ends within its first line.
            head = answer.encoded()
            wire.send(head + half if body else head[:10])
            if kind == RESET_ANSWER:
                wire.reset()
            return False
        if kind == SHORT_LENGTH and answer.status in (200, 206) and answer.get("content-length") and body:
            answer, body = answer.with_field("Content-Length", str(len(half))), half
        wire.send(answer.encoded() + body)
        return (answer.get("connection") or "").lower() != "close"


class _Upstream:
    """The way to the store: one connection, made anew when the store ended it."""

    def __init__(self, target):
        self._target = target
        self._wire = None

    def cut(self):
        wire = self._wire
        if wire:
            wire.cut()

    def close(self):
        if self._wire:
            self._wire.close()
        self._wire = None

    def exchange(self, request, body):
        """Sends a request and reads its answer to the end."""
        fresh = self._wire is None
        try:
            return self._exchange_once(request, body)
        except (_Closed, OSError):
            self.close()
            if fresh:
                raise
        return self._exchange_once(request, body)

    def _exchange_once(self, request, body):
        if self._wire is None:
            self._wire = _Wire(socket.create_connection(self._target))
            self._wire.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._wire.send(request.without("expect", "connection").encoded() + body)
        answer = self._wire.head()
        while answer.status == 100:
            answer = self._wire.head()
        bodiless = request.start.startswith("HEAD ") or answer.status in (204, 304)
        whole = b"" if bodiless else self._wire.body(answer)
        if (answer.get("connection") or "").lower() == "close":
            self.close()
        return answer, whole


def self_signed(folder, name="127.0.0.1"):
    """A certificate that nobody vouches for, and its key, in one PEM file."""
    path = os.path.join(folder, "certificate.pem")
    kind = "IP" if name.replace(".", "").isdigit() else "DNS"
    made = [subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                            "-days", "2", "-subj", f"/CN={name}", "-addext", f"subjectAltName={kind}:{name}",
                            "-keyout", "/dev/stdout", "-out", "/dev/stdout"], check=True, capture_output=True).stdout]
    with open(path, "wb") as file:
        file.write(b"".join(made))
    return path


def tls(certificate):
    """What makes Chaos speak TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("endpoint")
    parser.add_argument("--share", type=float, default=0.1)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--only", action="append", choices=KINDS)
    parser.add_argument("--certificate")
    own, _, words = "\0".join(sys.argv[1:]).partition("\0--\0")
    options = parser.parse_args(own.split("\0"))
    chaos = Chaos(options.endpoint, options.share, options.seed, tuple(options.only or KINDS),
                  context=tls(options.certificate) if options.certificate else None)
    print(f"chaos: seed {chaos.seed}\nendpoint={chaos.endpoint}", flush=True)
    try:
        if words:
            return subprocess.run([word.replace("{endpoint}", chaos.endpoint) for word in words.split("\0")],
                                  check=False).returncode
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()
        return 0
    finally:
        chaos.close()
        print(chaos, flush=True)


if __name__ == "__main__":
    sys.exit(main())
