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


class FailingDisk:
    """An ext4 whose device has less room than it says: what is written beyond that is an I/O error.

    OSError or Failed where there are no loop devices. The loop goes with the mount.
    """

    def __init__(self, path, beside):
        self.path = path
        os.makedirs(path, exist_ok=True)
        self.under = Disk(beside, megabytes=8)
        image = os.path.join(beside, "image")
        with open(image, "wb") as f:
            f.truncate(64 << 20)
        run(["mkfs.ext4", "-q", "-F", "-E", "nodiscard", image])
        run(["mount", "-o", "loop,errors=remount-ro", image, path])

    def fail(self):
        """From here on writes fail, and the kernel notes it."""
        self.under.fill()
        for number in range(16):
            with contextlib.suppress(OSError), open(os.path.join(self.path, str(number)), "wb") as f:
                f.write(os.urandom(1 << 20))
                os.fsync(f.fileno())
