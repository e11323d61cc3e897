"""The folder a test works in, the ports it holds, and everything that must be undone at its end."""

import contextlib
import os
import pathlib
import shutil
import tempfile

from harness.ports import claim_port
from harness.process import SERVER_USER


class Workplace:
    """A folder below $TMPDIR or /tmp that the servers' user owns; short, because socket paths are limited to 107 bytes.

    HOLDFAST_KEEP=1 keeps the folder and says where it is.
    """

    def __init__(self):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="hf-"))
        self.path.chmod(0o755)
        self.servers = []
        self._undo = contextlib.ExitStack()
        self._own(self.path)

    def _own(self, path):
        if os.geteuid() == 0:
            shutil.chown(path, SERVER_USER, SERVER_USER)

    def folder(self, name):
        """A new folder that the servers' user owns and nobody else enters."""
        path = self.path / name
        path.mkdir(mode=0o700)
        self._own(path)
        return path

    def write(self, name, text, mode=0o600):
        """A file that the servers' user owns."""
        path = self.path / name
        path.write_text(text)
        path.chmod(mode)
        self._own(path)
        return path

    def at_end(self, action):
        """Actions run last in, first out, all of them even when one fails."""
        self._undo.callback(action)

    def port(self):
        """A port that no other test run on this machine takes until this test ends."""
        port, claim = claim_port()
        self.at_end(claim.close)
        return port

    def close(self):
        try:
            self._undo.close()
        finally:
            if os.environ.get("HOLDFAST_KEEP"):
                print(f"kept {self.path}")
            else:
                shutil.rmtree(self.path)
