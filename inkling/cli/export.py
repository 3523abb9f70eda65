"""The command that writes a bundle in other forms."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from inkling import exports
from inkling.cli.options import BundleOption, bundle_folder

if TYPE_CHECKING:
    from inkling.reading.numbers import LineReader
    from inkling.reading.reader import Reader

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
        with Console(stderr=True).status("Writing"):  # 8 bits take half a minute
            written = exports.export(reader, to, path)
        typer.echo(str(written))
        if to == "onnx-int8":
            _compare(reader, Reader.load(written.resolve()))
        return
    if to not in ("hub", "space"):
        raise typer.BadParameter("--push goes with --to hub or --to space")
    from inkling.exports import hub, space

    if to == "hub":
        typer.echo(hub.push(hub.write(reader, path, push), push))
    else:
        typer.echo(hub.push(space.write(reader, path), push, space=True))


def _compare(before: "Reader", after: "Reader") -> None:
    """Print what became of sizes, accuracies and thresholds."""
    from inkling.cli import display
    from inkling.exports import onnx_int8

    networks: list[tuple[Reader | LineReader, Reader | LineReader]] = [(before, after)]
    if before.card.frame == "digit":
        networks.append((before.lines, after.lines))
    sizes = [(len(old.session.model), len(new.session.model)) for old, new in networks]
    Console().print(display.compared_table(sizes, onnx_int8.compare(before, after)))
    fitted = [
        old.card.acceptance != new.card.acceptance for old, new in networks if old.card.acceptance
    ]
    if fitted and all(fitted):
        typer.echo("Thresholds are fitted again.")
    elif fitted:
        typer.echo(
            "Thresholds stay as they were: not every source is here that they are fitted to."
        )
