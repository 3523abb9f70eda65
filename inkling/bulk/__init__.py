"""Reading in bulk: folders, files of many images and tables -> one Parquet file of readings.

A job is a list of parts that any process can read by itself. Each part becomes a file of its own,
whole or not at all, so that what is done is not done again after a process, or all of them, died.
At the end they are joined in order: whoever read them, the file is the same, byte for byte.

    places.py     what is named -> parts
    rows.py       a part -> its readings, as rows
    job.py        the folder of a job, and its end
    processes.py  the engine that uses this machine's cores

Needs the extra `parquet`.
"""

from inkling.errors import MissingExtra

try:
    from inkling.bulk.job import Job
    from inkling.bulk.places import Part, parts_of
    from inkling.bulk.rows import Options
except ModuleNotFoundError as cause:
    raise MissingExtra("Reading into a Parquet file", str(cause.name), "parquet") from cause

__all__ = ["Job", "Options", "Part", "parts_of"]
