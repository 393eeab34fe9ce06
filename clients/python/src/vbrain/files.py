"""What `files` may be, and the one file that is sent for it."""

from __future__ import annotations

import io
import os
import shutil
import tempfile
import zipfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Callable, Iterable, List, Mapping, Optional, Tuple, Union

# Content: bytes, text, a path, an open file, or something with to_csv(), which is a pandas DataFrame. Text is sent as UTF-8.
Content = Union[bytes, str, "os.PathLike[str]", IO[bytes], IO[str], Any]
# A path of a file or a folder, several paths, or names with contents.
Files = Union[str, "os.PathLike[str]", Iterable[Union[str, "os.PathLike[str]"]], Mapping[str, Content]]

SENT_ALONE = (".csv", ".xlsx", ".json", ".zip")  # what the server takes as it is
NO_CSV = (".xlsx", ".xls", ".json", ".parquet", ".zip")  # names that a DataFrame, which is sent as CSV, cannot have
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


@dataclass(frozen=True)
class Stored:
    """A file that the server has already, as a resumable upload."""

    upload_id: str


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
    """Names and contents. Raises ValueError for none or two of one name, TypeError for what has no names."""
    if isinstance(files, (bytes, bytearray, memoryview)) or hasattr(files, "read") or hasattr(files, "to_csv"):
        raise TypeError(f"files is a path, several paths, or a mapping of names to contents; give this {type(files).__name__} a name: "
                        'files={"data.csv": …}')
    if isinstance(files, Mapping):
        found = list(files.items())
    else:
        paths = [files] if isinstance(files, (str, os.PathLike)) else list(files)
        found = []
        for each in map(Path, paths):
            if each.is_dir():
                found += [(path.relative_to(each).as_posix(), path) for path in sorted(each.rglob("*")) if path.is_file()]
            else:
                found.append((each.name, each))
    if not found:
        raise ValueError(f"files has no file: {files!r} is empty; leave `files` out if the job needs none")
    names = [name for name, _ in found]
    double = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if double:
        raise ValueError(f"files has several files with the name {double[0]!r}; give a mapping of different names to the paths")
    return found


def _open(name: str, content: Content, closing: ExitStack) -> IO[bytes]:
    """A file at its beginning that can be read again."""
    if isinstance(content, (bytes, bytearray, memoryview)):
        return io.BytesIO(content)
    if isinstance(content, str):
        return io.BytesIO(content.encode("utf-8"))
    if isinstance(content, os.PathLike):
        return closing.enter_context(open(content, "rb"))
    if hasattr(content, "to_csv"):
        if name.lower().endswith(NO_CSV):
            raise ValueError(f"{name}: a DataFrame is sent as CSV; give it a name that ends in .csv, or write the file yourself")
        return io.BytesIO(str(content.to_csv(index=False)).encode("utf-8"))
    if hasattr(content, "read"):
        file: Any = content
        seekable = bool(hasattr(file, "seekable") and file.seekable())
        if seekable:
            file.seek(0)
        if isinstance(file.read(0), str):  # of an open text file the size in bytes is not known
            return io.BytesIO(file.read().encode("utf-8"))
        if seekable:
            return file  # type: ignore[no-any-return]
        copy = closing.enter_context(tempfile.SpooledTemporaryFile(max_size=MEMORY))
        shutil.copyfileobj(file, copy)
        copy.seek(0)
        return copy
    raise TypeError(f"{name}: a file can't be made of {type(content).__name__}: give bytes, text, a path, an open file or a DataFrame")


def _pack(named: List[Tuple[str, Content]], closing: ExitStack) -> IO[bytes]:
    packed = closing.enter_context(tempfile.SpooledTemporaryFile(max_size=MEMORY))
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in named:
            with ExitStack() as inner, archive.open(name, "w", force_zip64=True) as target:
                source = _open(name, content, inner)
                while data := source.read(1 << 20):
                    target.write(data)
    packed.seek(0)
    return packed


def prepare(files: Optional[Files]) -> Optional[Upload]:
    """The upload for `files`: a single table or archive as it is, in whatever form it is given; anything else as a ZIP. None: no
    files."""
    if files is None:
        return None
    named = _named(files)
    closing = ExitStack()
    try:
        name, content = named[0]
        if len(named) == 1 and name.lower().endswith(SENT_ALONE) and "/" not in name:
            return Upload(name, _open(name, content, closing), closing)
        return Upload("input.zip", _pack(named, closing), closing)
    except BaseException:
        closing.close()
        raise
