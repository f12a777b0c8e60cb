"""``prosector recipes``: what is built in."""

from __future__ import annotations

import json

import click


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the recipes whole, as JSON.")
def command(as_json: bool) -> None:
    """List the built-in recipes."""
    from prosector.pipeline.recipes import builtin, builtin_names, recipe_to_json

    recipes = [builtin(name) for name in builtin_names()]
    if as_json:
        click.echo(json.dumps([recipe_to_json(r) for r in recipes], indent=2, ensure_ascii=False))
        return
    for recipe in recipes:
        click.echo(f"{recipe.name:12} {recipe.description} ({len(recipe.steps)} steps, {len(recipe.outputs)} files)")
