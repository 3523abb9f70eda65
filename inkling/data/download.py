"""Downloads over HTTP: what a server gives, and what to do where it gives nothing."""

import contextlib
import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import platformdirs
import requests

from inkling.errors import DataError

TIMEOUT_SECONDS = 30  # without a byte
CHUNK_BYTES = 1 << 16
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # of a disk, a quota, or a file's largest size
CERTIFICATES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")  # in the environment: as requests asks them
PROXIES = ("https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")
Report = Callable[[str, int, int], None]


def cache_folder() -> Path:
    """Where downloads go: the user's cache folder of this platform."""
    return platformdirs.user_cache_path("inkling") / "data"


@contextlib.contextmanager
def room(path: Path) -> Iterator[Path]:
    """A temporary file beside `path`, whose folder is made; it is deleted in the end.

    Raises DataError where there is no room for it.
    """
    temporary = path.with_name(f"{os.getpid()}-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
    except OSError as cause:
        remedy = "Free some space" if cause.errno in FULL else "Make it a folder you may write to"
        raise DataError(
            f"{path}: expected room for a download, but {cause.strerror or cause}",
            f"{remedy}, or name another cache folder in XDG_CACHE_HOME",
        ) from cause
    finally:
        with contextlib.suppress(OSError):  # its folder may be none
            temporary.unlink()


def stream(url: str, path: Path, max_bytes: int, report: Report) -> None:
    """Save what `url` serves, as it comes, up to a little over `max_bytes`."""
    with ask(url) as response, path.open("wb") as file:
        response.raise_for_status()
        total = int(response.headers.get("content-length", 0))
        for chunk in response.iter_content(CHUNK_BYTES):
            file.write(chunk)
            report(path.name.partition("-")[2], file.tell(), total)
            if file.tell() > max_bytes:
                return


def ask(url: str) -> requests.Response:
    """The answer of a server, its content still to come. Raises RequestException alone."""
    headers = {"Accept-Encoding": "identity"}
    try:
        return requests.get(url, stream=True, timeout=TIMEOUT_SECONDS, headers=headers)
    except requests.RequestException:
        raise
    except OSError as cause:  # there is no file of certificates
        raise requests.exceptions.SSLError(cause) from cause


def advice(cause: requests.RequestException) -> str:
    """What may be wrong with a connection; settings in the environment are named."""
    if isinstance(cause, requests.exceptions.SSLError):
        for name in CERTIFICATES:
            if value := os.environ.get(name):
                return f"Correct or unset {name}, whose certificates do not fit ({value})"
        return "Name a file of the certificates of your network in REQUESTS_CA_BUNDLE"
    proxies = [name for name in PROXIES if os.environ.get(name)]
    if proxies and isinstance(cause, requests.exceptions.ProxyError | ValueError):
        return f"Correct {' or '.join(proxies)}"  # ValueError: an address that is none
    return "Check the network"
