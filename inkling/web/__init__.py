"""The page, the API and the live socket. The only room that knows the web framework.

`serve` serves until a signal stops it; `create_app` gives the application, to mount or to test.
"""

from typing import TYPE_CHECKING, Any

from inkling import system
from inkling.web.settings import Settings
from inkling.web.workers import serve

if TYPE_CHECKING:
    from inkling.web.app import create_app

__all__ = ["Settings", "create_app", "serve"]
system.require("Serving", "serve")


def __getattr__(name: str) -> Any:
    """The application's libraries are imported when it is first asked for."""
    if name != "create_app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from inkling.web.app import create_app

    return create_app
