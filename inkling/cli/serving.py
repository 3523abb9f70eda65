"""The command that serves."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from inkling.cli.options import RUNS, BundleOption, Drawings, bundle_folder

commands = typer.Typer()


@commands.command(context_settings={"auto_envvar_prefix": "INKLING"})
def serve(
    bundle: BundleOption = None,
    host: Annotated[str, typer.Option(help="The address to listen at.")] = "127.0.0.1",
    port: Annotated[
        int,
        typer.Option(help="0 takes a free one.", min=0, max=65535, envvar=["INKLING_PORT", "PORT"]),
    ] = 8000,
    workers: Annotated[
        int | None, typer.Option(help="Processes (default: one a core).", min=1)
    ] = None,
    drawings: Drawings = None,
    runs: Annotated[Path, typer.Option(help="Where trainings lie, and go.")] = RUNS,
    token: Annotated[str, typer.Option(help="Who sends it may do everything.")] = "",
    read_token: Annotated[
        str, typer.Option(help="Who sends it may read, and store drawings.")
    ] = "",
    open_: Annotated[
        bool,
        typer.Option("--open", help="Anyone may read, and store drawings.", envvar="INKLING_OPEN"),
    ] = False,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Nothing can be stored, trained or chosen.")
    ] = False,
    rate: Annotated[
        float | None, typer.Option(help="Requests a second, of each client and worker.", min=0.1)
    ] = None,
    max_drawings: Annotated[
        int | None, typer.Option(help="The most drawings that are kept.", min=0)
    ] = None,
    max_bytes: Annotated[int | None, typer.Option(help="The most bytes of them.", min=0)] = None,
    allow_host: Annotated[
        list[str] | None, typer.Option(help="Another name of this server; may be repeated.")
    ] = None,
    allow_origin: Annotated[
        list[str] | None, typer.Option(help="A site whose pages may read, as https://example.org.")
    ] = None,
    proxy: Annotated[
        str, typer.Option(help="Addresses of the proxies to believe, with commas.")
    ] = "",
    root_path: Annotated[
        str, typer.Option(help="The path under which a proxy serves it, as /inkling.")
    ] = "",
    log_format: Annotated[Literal["text", "json"], typer.Option(help="Of the log.")] = "text",
    access_log: Annotated[bool, typer.Option("--access-log", help="Log each request.")] = False,
    engine: Annotated[
        Literal["processes", "ray"],
        typer.Option(help="Processes of this machine, or readers of a Ray cluster."),
    ] = "processes",
) -> None:
    """Serve the page to draw on, and the API."""
    from inkling import system

    system.require("Serving", "serve")
    from inkling import web

    settings = web.Settings(
        host=host,
        port=port,
        workers=workers or system.cores(),
        bundle=bundle_folder(bundle),
        database=drawings or "",
        runs=runs,
        token=token,
        read_token=read_token,
        open=open_,
        read_only=read_only,
        rate=rate,
        max_drawings=max_drawings,
        max_bytes=max_bytes,
        allow_hosts=tuple(allow_host or ()),
        allow_origins=tuple(origin.lower().rstrip("/") for origin in allow_origin or ()),
        proxy=proxy,
        root_path=root_path,
        log_format=log_format,
        access_log=access_log,
    )

    def announce(address: str) -> None:
        typer.echo(f"Inkling reads at {address}")

    if engine == "ray":
        from inkling.scale import serving

        return serving.run(settings, workers, announce)
    return web.serve(settings, announce)
