"""The command that writes a bundle in other forms."""

from pathlib import Path
from typing import Annotated

import typer

from inkling import exports
from inkling.cli.options import BundleOption, bundle_folder

commands = typer.Typer()


@commands.command("export")
def export(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="The file or folder to write.")],
    to: Annotated[
        str,
        typer.Option(
            metavar="KIND",
            help="; ".join(f"{kind}: {about}" for kind, about in exports.KINDS.items()) + ".",
        ),
    ],
    bundle: BundleOption = None,
) -> None:
    """Write a bundle's network for other programs, pages and machines."""
    from inkling.reading.reader import Reader

    written = exports.export(Reader.load(bundle_folder(bundle)), to, path)
    typer.echo(str(written))
