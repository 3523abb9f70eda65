"""The folder of a job: which parts are done, and the file that they become.

readings.parquet.parts/
  job.json           what is read, by which bundle, and how
  000000.parquet ...  the rows of a part that is done
readings.parquet     all rows, once every part is done; the folder is gone then
"""

import functools
import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow
from pyarrow import fs, parquet

from inkling.bulk.places import PARTS, Opened, Part, opened
from inkling.bulk.rows import SCHEMA, Options, failed, read
from inkling.errors import InklingError
from inkling.files import write_atomically
from inkling.reading.reader import Reader

FORMAT = "inkling readings 1"


@dataclass(frozen=True)
class Work:
    """How parts are read, and where their rows go. It is small: it is sent with each part."""

    out: str  # the file, a path or an address
    bundle: str | None  # the folder of one that reads; None: the one that ships
    model: str  # its SHA-256
    options: Options

    def do(self, number: int, part: Part) -> int:
        """Read a part, and write its rows; how many. In whatever process it is called."""
        reader = _reader(self.bundle)
        if reader.card.model_sha256 != self.model:
            raise InklingError(
                f"Expected the bundle {self.model[:12]}, got {reader.card.model_sha256[:12]}",
                "Leave the bundle as it is until all is read",
            )
        return self._keep(number, read(part, reader, self.options))

    def give_up(self, number: int, part: Part, error: str) -> int:
        """Write the error of a part that cannot be read for each of its rows; how many."""
        return self._keep(number, failed(part, error))

    def inside(self, name: str) -> Opened:
        """A file in the job's folder."""
        filesystem, path, prefix = opened(self.out)
        return Opened(filesystem, f"{path}{PARTS}/{name}", prefix)

    def _keep(self, number: int, rows: pyarrow.Table) -> int:
        content = io.BytesIO()
        parquet.write_table(rows, content)
        _write(self.inside(_name(number)), content.getvalue())
        return int(rows.num_rows)


@dataclass(frozen=True)
class Job:
    """Parts to be read into a file."""

    work: Work
    parts: tuple[Part, ...]

    @classmethod
    def begin(cls, out: str, parts: Sequence[Part], bundle: Path | None, options: Options) -> "Job":
        """Begin a job, or go on with it. Raises InklingError where another is in its place."""
        place = None if bundle is None else str(bundle)
        reader = _reader(place)
        reader.threshold(options.min_accuracy)  # which may be more than it can promise
        job = cls(Work(out, place, reader.card.model_sha256, options), tuple(parts))
        where = opened(out)
        if where.filesystem.get_file_info(where.path).type != fs.FileType.NotFound:
            raise InklingError(
                f"{out}: expected a name for a new file, but it is there", "Name another"
            )
        where.filesystem.create_dir(where.path + PARTS, recursive=True)
        note, known = job.work.inside("job.json"), job._describe()
        if note.filesystem.get_file_info(note.path).type == fs.FileType.NotFound:
            _write(note, known)
        elif note.read() != known:
            raise InklingError(
                f"{out}{PARTS}: expected the job that was begun there, got other pictures, another "
                "bundle or other options",
                "Name them as before, or delete that folder",
            )
        return job

    def todo(self) -> list[int]:
        """The numbers of the parts that are not done."""
        filesystem, path, _ = opened(self.work.out)
        there = filesystem.get_file_info(fs.FileSelector(path + PARTS))
        done = {info.base_name for info in there}
        return [number for number in range(len(self.parts)) if _name(number) not in done]

    def join(self) -> int:
        """Make one file of all parts, in order; how many rows. The folder goes."""
        where = opened(self.work.out)
        rows, joined = 0, self.work.inside("joined")
        with (
            joined.filesystem.open_output_stream(joined.path) as stream,
            parquet.ParquetWriter(stream, SCHEMA) as file,
        ):
            for number in range(len(self.parts)):
                table = parquet.read_table(io.BytesIO(self.work.inside(_name(number)).read()))
                rows += table.num_rows
                file.write_table(table)
        where.filesystem.move(joined.path, where.path)
        where.filesystem.delete_dir(where.path + PARTS)
        return rows

    def _describe(self) -> bytes:
        parts = hashlib.sha256(json.dumps([asdict(part) for part in self.parts]).encode())
        told = {"format": FORMAT, "model": self.work.model, "options": repr(self.work.options)}
        return json.dumps(told | {"parts": len(self.parts), "sha256": parts.hexdigest()}).encode()


@functools.lru_cache(1)
def _reader(bundle: str | None) -> Reader:
    """The reader of this process: each loads it once."""
    return Reader.load(bundle)


def _name(number: int) -> str:
    return f"{number:06}.parquet"


def _write(file: Opened, content: bytes) -> None:
    """Write a file, whole or not at all: an object store shows it when it is closed."""
    if not file.prefix:
        write_atomically(Path(file.path), content)
        return
    with file.filesystem.open_output_stream(file.path) as stream:
        stream.write(content)
