"""schema: the declarations, for editors."""

from __future__ import annotations

from typing import Annotated

import typer

from chartline.cli.app import app


@app.command()
def schema(
    what: Annotated[str, typer.Argument(metavar="protocol|mapping", help="Which declaration.")] = "protocol",
) -> None:
    """Print the JSON Schema of a declaration, for editors that check YAML while you type.

    Example: chartline schema protocol > protocol.schema.json
    """
    import json

    from chartline.mapping.schema import declaration_schema

    typer.echo(json.dumps(declaration_schema(what), indent=2, ensure_ascii=False))
