"""What `files` may be, and the one file that is sent for it."""

from __future__ import annotations

import io
import os
import tempfile
import zipfile
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, Callable, Iterable, List, Mapping, Optional, Tuple, Union

# Content: bytes, text, a path, an open binary file, or something with to_csv(), which is a pandas DataFrame.
Content = Union[bytes, str, "os.PathLike[str]", IO[bytes], Any]
# A path of a file or a folder, several paths, or names with contents.
Files = Union[str, "os.PathLike[str]", Iterable[Union[str, "os.PathLike[str]"]], Mapping[str, Content]]

SENT_ALONE = (".csv", ".xlsx", ".json")  # what the server takes without a ZIP
MEMORY = 16 << 20  # an archive of more bytes goes into a temporary file


class Counted:
    """An open file that tells how many bytes were read. httpx needs read, seek and tell."""

    def __init__(self, file: IO[bytes], seen: Callable[[int], None]) -> None:
        self._file = file
        self._seen = seen

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self._seen(len(data))
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()


class Upload:
    """One file to send, open until close(). It can be read several times."""

    def __init__(self, name: str, file: IO[bytes], closing: ExitStack) -> None:
        self.name = name
        self.file = file
        self._closing = closing

    @property
    def size(self) -> int:
        size = self.file.seek(0, os.SEEK_END)
        self.file.seek(0)
        return size

    def close(self) -> None:
        self._closing.close()


def _named(files: Files) -> List[Tuple[str, Content]]:
    if isinstance(files, Mapping):
        return [(name, content) for name, content in files.items()]
    paths = [files] if isinstance(files, (str, os.PathLike)) else list(files)
    found: List[Tuple[str, Content]] = []
    for each in map(Path, paths):
        if each.is_dir():
            found += [(path.relative_to(each).as_posix(), path) for path in sorted(each.rglob("*")) if path.is_file()]
        else:
            found.append((each.name, each))
    return found


def _open(content: Content, closing: ExitStack) -> IO[bytes]:
    if isinstance(content, bytes):
        return io.BytesIO(content)
    if isinstance(content, str):
        return io.BytesIO(content.encode("utf-8"))
    if isinstance(content, os.PathLike):
        return closing.enter_context(open(content, "rb"))
    if hasattr(content, "to_csv"):
        return io.BytesIO(str(content.to_csv(index=False)).encode("utf-8"))
    if hasattr(content, "read"):
        if not (hasattr(content, "seekable") and content.seekable()):
            return io.BytesIO(content.read())
        return content
    raise TypeError(f"a file can't be made of {type(content).__name__}: give bytes, text, a path, an open binary file or a DataFrame")


def _pack(named: List[Tuple[str, Content]], closing: ExitStack) -> IO[bytes]:
    packed = closing.enter_context(tempfile.SpooledTemporaryFile(max_size=MEMORY))
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in named:
            with ExitStack() as inner, archive.open(name, "w", force_zip64=True) as target:
                source = _open(content, inner)
                while data := source.read(1 << 20):
                    target.write(data)
    packed.seek(0)
    return packed


def prepare(files: Optional[Files]) -> Optional[Upload]:
    """The upload for `files`: a single table or archive as it is, anything else as a ZIP. Nothing: no files."""
    if files is None:
        return None
    named = _named(files)
    if not named:
        return None
    closing = ExitStack()
    try:
        name, content = named[0]
        alone = name.lower().endswith(SENT_ALONE) and "/" not in name
        is_archive = isinstance(files, (str, os.PathLike)) and name.lower().endswith(".zip") and Path(files).is_file()
        if len(named) == 1 and (alone or is_archive):
            return Upload(name, _open(content, closing), closing)
        return Upload("input.zip", _pack(named, closing), closing)
    except BaseException:
        closing.close()
        raise
