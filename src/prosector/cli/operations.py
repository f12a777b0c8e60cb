"""``prosector operations``: what recipes and ``apply`` can do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from prosector.pipeline.operation import Operation
    from prosector.pipeline.parameters import Parameter


@click.command()
@click.argument("name", required=False)
def command(name: str | None) -> None:
    """List the operations, or show what the operation NAME takes and makes."""
    from prosector.pipeline.operations import OPERATIONS, operation

    if name is not None:
        click.echo("\n".join(_described(operation(name))))
        return
    for row in OPERATIONS.values():
        click.echo(f"{row.name:22} {row.help or row.technique}")


def _described(row: Operation) -> list[str]:
    takes = [f"{name} ({kind.__name__})" for name, kind in row.inputs.items()]
    takes += [f"{name} ({kind.__name__}, optional)" for name, kind in row.optional.items()]
    lines = [f"{row.name}: {row.help or row.technique}", f"takes {', '.join(takes)}; makes {row.output.__name__}"]
    return [*lines, *(_parameter(parameter) for parameter in row.parameters)]


def _parameter(p: Parameter) -> str:
    from prosector.pipeline.parameters import REQUIRED

    if p.default is REQUIRED:
        default = "required"
    elif p.default in (None, ()):
        default = "may be left out"
    else:
        default = f"default {p.default}{f' {p.unit}' if p.unit else ''}"
    choices = f" ({', '.join(p.choices)})" if p.choices else ""
    return f"  {p.name:24} {p.kind}, {default}: {p.help}{choices}"
