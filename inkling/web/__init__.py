"""The page, the API and the live socket. The only room that knows the web framework.

`serve` serves until a signal stops it; `create_app` gives the application, to mount or to test.
"""

from typing import TYPE_CHECKING, Any

from inkling.errors import MissingExtra
from inkling.web.settings import Settings
from inkling.web.workers import serve

if TYPE_CHECKING:
    from inkling.web.app import create_app

__all__ = ["Settings", "create_app", "serve"]


def __getattr__(name: str) -> Any:
    """The application's libraries are imported when it is first asked for."""
    if name != "create_app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from inkling.web.app import create_app
    except ModuleNotFoundError as cause:
        raise MissingExtra("Serving", str(cause.name), "serve") from cause
    return create_app
