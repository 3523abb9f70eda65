"""The page, the API and the live socket. The only room that knows the web framework.

`serve` serves until a signal stops it; `create_app` gives the application, to mount or to test.
"""

from inkling.errors import MissingExtra

try:
    from inkling.web.app import create_app, serve
except ModuleNotFoundError as cause:
    raise MissingExtra("Serving", str(cause.name), "serve") from cause

__all__ = ["create_app", "serve"]
