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
    push: Annotated[
        str | None,
        typer.Option(
            metavar="USER/NAME", help="With hub or space: create this repository and upload it."
        ),
    ] = None,
) -> None:
    """Write a bundle's network for other programs, pages and machines."""
    from inkling.reading.reader import Reader

    reader = Reader.load(bundle_folder(bundle))
    if push is None:
        typer.echo(str(exports.export(reader, to, path)))
        return
    if to not in ("hub", "space"):
        raise typer.BadParameter("--push goes with --to hub or --to space")
    from inkling.exports import hub, space

    if to == "hub":
        typer.echo(hub.push(hub.write(reader, path, push), push))
    else:
        typer.echo(hub.push(space.write(reader, path), push, space=True))
