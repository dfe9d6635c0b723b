# SPDX-License-Identifier: Apache-2.0
"""Small disks of a test's own: tmpfs, in a mount namespace that ends with the test.

Whatever becomes of the test, nothing stays mounted: nobody outside ever sees these mounts,
and the last process of the installation takes them with it.
"""
import contextlib
import ctypes
import os
import shutil

from harness import run

CLONE_NEWNS = 0x00020000


def own_mounts():
    """From here on this process and its children have mounts of their own."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"unshare: {os.strerror(code)}; these scenarios need root")
    run(["mount", "--make-rprivate", "/"])


class Disk:
    """A tmpfs on a folder, with what was in it."""

    def __init__(self, path, megabytes=64, inodes=0):
        self.path, self.filler = path, os.path.join(path, ".filler")
        os.makedirs(path, exist_ok=True)
        kept = path + ".kept"
        shutil.copytree(path, kept)
        options = f"size={megabytes}m" + (f",nr_inodes={inodes}" if inodes else "")
        run(["mount", "-t", "tmpfs", "-o", options, "zmferry-test", path])
        shutil.copytree(kept, path, dirs_exist_ok=True)
        shutil.rmtree(kept)

    def fill(self, percent=100):
        """Up to so many percent; others may write meanwhile."""
        vfs = os.statvfs(self.path)
        left = vfs.f_bavail - vfs.f_blocks * (100 - percent) // 100
        with open(self.filler, "ab", buffering=0) as filler, contextlib.suppress(OSError):
            while left > 0:
                left -= filler.write(bytes(min(left, 256) * vfs.f_frsize)) // vfs.f_frsize

    def make_room(self):
        os.unlink(self.filler)

    def use_inodes(self):
        """Until none is left."""
        folder = os.path.join(self.path, ".many")
        os.makedirs(folder)
        for number in range(os.statvfs(self.path).f_favail):
            open(os.path.join(folder, str(number)), "w").close()

    def free_inodes(self):
        shutil.rmtree(os.path.join(self.path, ".many"))

    def remount(self, how):
        """ro or rw."""
        run(["mount", "-o", f"remount,{how}", self.path])
