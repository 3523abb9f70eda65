"""Bundles on the Hugging Face Hub, by names as hf://user/name and hf://user/name@revision."""

import re
from pathlib import Path

from inkling.errors import BundleError, MissingExtra
from inkling.reading import bundle

NAME = re.compile(r"hf:/{1,2}([^/@]+/[^/@]+)(?:@(.+))?")


def is_name(name: str) -> bool:
    """Whether this names a bundle on the Hub, and no folder here."""
    return name.startswith("hf:/")


def fetch(name: str) -> Path:
    """The folder of a bundle of the Hub, both files of one commit; in the Hub's own cache.

    What is in it is not checked: `bundle.read` does that. Raises BundleError, MissingExtra.
    """
    matched = NAME.fullmatch(name)
    if not matched:
        raise BundleError(
            f"Expected hf://user/name or hf://user/name@revision, got {name}", "Check the name"
        )
    try:
        from huggingface_hub import hf_hub_download
    except ImportError as cause:
        raise MissingExtra("A bundle of the Hub", str(cause.name), "hub") from cause
    repository, revision = matched.groups()
    name = "hf://" + name.partition("/")[2].lstrip("/")  # a Path has lost a slash
    folder = Path()
    try:
        for file in (bundle.CARD, bundle.MODEL):
            size = hf_hub_download(repository, file, revision=revision, dry_run=True).file_size
            if size and size > bundle.MAX_MODEL_BYTES:
                raise BundleError(
                    f"{name}: expected at most {bundle.MAX_MODEL_BYTES:,} bytes, got {size:,}",
                    "Check where this bundle comes from",
                )
            folder = Path(hf_hub_download(repository, file, revision=revision)).parent
            revision = folder.name  # the commit: what is pushed meanwhile is another bundle
    except BundleError:
        raise
    except Exception as cause:  # HTTP, sockets, storage and checks of names raise their own
        raise _missing(name, cause) from cause
    return folder


def _missing(name: str, cause: Exception) -> BundleError:
    """What to do where the Hub does not give a bundle."""
    kind, said = type(cause).__name__, str(cause).strip().partition("\n")[0].rstrip(".")
    status = getattr(getattr(cause, "response", None), "status_code", None)
    if status == 404 and kind != "RepositoryNotFoundError":
        what = (
            "a revision" if kind == "RevisionNotFoundError" else f"{bundle.MODEL} and {bundle.CARD}"
        )
        return BundleError(
            f"{name}: expected {what} there, found none", "Check the name at https://huggingface.co"
        )
    if status in (401, 403, 404):
        return BundleError(
            f"{name}: expected a repository that you may read, but the Hub answered {status}",
            "Check the name; for a private one, log in with `hf auth login` or set HF_TOKEN",
        )
    return BundleError(
        f"{name}: expected the Hub to give this bundle, but {said}",
        "Check the network and HF_ENDPOINT",
    )
