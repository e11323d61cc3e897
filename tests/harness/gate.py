"""A file that holds up whoever opens it: work that reads it stands still until the test has seen what it wanted."""

import fcntl
import os
import signal


class FileGate:
    """Makes a file at `path`; open(2) of it waits until open() is called here, or for 45 s, the kernel's limit. It fails
    with O_NONBLOCK, which is how the program opens files itself: a backup through SQL is held up, by its server."""

    def __init__(self, workplace, path):
        signal.signal(signal.SIGIO, signal.SIG_IGN)  # the kernel's knock
        path.write_text("read at last\n")
        path.chmod(0o600)
        if os.geteuid() == 0:
            owner = path.parent.stat()
            os.chown(path, owner.st_uid, owner.st_gid)
        self._file = os.open(path, os.O_RDWR)
        fcntl.fcntl(self._file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        workplace.at_end(self.open)

    def reached(self):
        """Whether somebody waits."""
        return fcntl.fcntl(self._file, fcntl.F_GETLEASE) != fcntl.F_WRLCK

    def open(self):
        if self._file is not None:
            os.close(self._file)
            self._file = None
