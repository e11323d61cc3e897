"""A passage on the way to a server: clients go through it and appear to come from another address."""

import contextlib
import select
import socket
import threading


class Passage:
    """Listens on 127.0.0.1 and hands each connection on to `port`, from the address `source`.

    The kernel gives every client of this machine's loopback the source 127.0.0.1, which `pg_hba.conf` of the official
    image trusts with everything; through a passage the server sees what it sees of a client in another container.
    """

    def __init__(self, port, source="127.0.0.2"):
        self._target, self._source = port, source
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._open = set()
        self.port = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self):
        while not self._stopping.is_set():
            if not select.select([self._listener], [], [], 0.1)[0]:
                continue
            client = self._listener.accept()[0]
            thread = threading.Thread(target=self._carry, args=(client,))
            self._threads.append(thread)
            thread.start()

    def _carry(self, client):
        with client, contextlib.suppress(OSError), \
                socket.create_connection(("127.0.0.1", self._target), source_address=(self._source, 0)) as server:
            with self._lock:
                self._open |= {client, server}
            try:
                other = {client: server, server: client}
                while other:
                    for end in select.select(list(other), [], [])[0]:
                        data = end.recv(65536)
                        if data:
                            other[end].sendall(data)
                        else:
                            other.pop(end).shutdown(socket.SHUT_WR)
            finally:
                with self._lock:
                    self._open -= {client, server}

    def cut(self):
        """Breaks every connection that is open now; new ones pass."""
        with self._lock:
            for end in self._open:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def close(self):
        self._stopping.set()
        self._threads[0].join()
        self.cut()
        for thread in self._threads[1:]:
            thread.join()
        self._listener.close()
