"""Reading in bulk: folders, files of many images and tables -> one Parquet file of readings.

A job is a list of parts. A process reads a part by itself and writes its rows to a file, whole or
not at all. After a crash, the parts that are done are not read again. At the end the files are
joined in order, so the result has the same bytes whichever engine read the parts.

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
