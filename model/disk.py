"""What a disk must be asked for: a folder of one's own, and content that outlives the machine."""

import errno
import os
import stat
import tempfile
from pathlib import Path


def private_folder() -> Path:
    """A folder in the one for temporary files that nobody but this user may read or write.

    The one for temporary files is everybody's, and whoever makes a name there first owns it.

    Raises:
        PermissionError: there is something else under its name, or it is somebody else's.
    """
    folder = Path(tempfile.gettempdir()) / f"newsbeam-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    is_ours = stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid()
    if not is_ours or stat.S_IMODE(status.st_mode) != 0o700:
        reason = "it is not a folder that you alone may use; delete it, or set TMPDIR"
        raise PermissionError(errno.EACCES, reason, str(folder))
    return folder


def sync(path: Path) -> None:
    """Returns when a file, or the names in a folder, would survive the loss of the machine."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def sync_tree(folder: Path) -> None:
    """Returns when a folder with all that is in it would survive the loss of the machine."""
    for parent, _, names in os.walk(folder, topdown=False):
        for name in names:
            sync(Path(parent) / name)
        sync(Path(parent))
