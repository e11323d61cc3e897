"""Disks that are small."""

import os

from harness.process import run


def small_disk(workplace, name, size):
    """A file system of its own of so many bytes; making one takes root's rights."""
    folder = workplace.folder(name)
    become_root = () if os.geteuid() == 0 else ("sudo", "-n")
    owner = folder.stat()
    run(*become_root, "mount", "-t", "tmpfs", "-o", f"size={size},mode=700,uid={owner.st_uid},gid={owner.st_gid}",
        "tmpfs", folder, user="root" if os.geteuid() == 0 else None)
    workplace.at_end(lambda: run(*become_root, "umount", "-l", folder, user="root" if os.geteuid() == 0 else None))
    return folder
