"""Fills ``{{ table: NAME }}`` in pages from the tables that the code itself uses: nothing is written twice."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

import click
from mkdocs.exceptions import PluginError

import prosector.errors
from prosector.cli import COMMANDS, group
from prosector.pipeline.export import ENDINGS
from prosector.pipeline.operations import OPERATIONS, Operation
from prosector.pipeline.parameters import REQUIRED, Parameter
from prosector.pipeline.recipes import builtin, builtin_names
from prosector.rendering import presets
from prosector.report import base_codes
from prosector.report.profiles import profile, profile_names
from prosector.report.rules_table import rules, sections, sources
from prosector.report.rules_words import techniques

MARK = re.compile(r"^\{\{ table: (\w+) \}\}$", re.MULTILINE)


def on_page_markdown(markdown: str, **_context: Any) -> str:
    """Replace every mark of a page (called by MkDocs)."""
    return MARK.sub(lambda found: fill(found[1]), markdown)


def fill(name: str) -> str:
    """One table as Markdown."""
    if name not in TABLES:
        raise PluginError(f"no table {name!r}; there are: {', '.join(TABLES)}")
    return TABLES[name]()


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    lines = [list(head), *([str(cell).replace("|", "\\|") for cell in row] for row in rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def commands() -> str:
    """Every command's own help, and that of the commands inside it."""
    with click.Context(group, info_name="prosector") as parent:
        return "\n\n".join(part for name in COMMANDS for part in helps(group, name, parent, "##"))


def helps(inside: click.Group, name: str, parent: click.Context, level: str) -> Iterable[str]:
    """The help of one command of a group, under a heading of this level."""
    command = inside.get_command(parent, name)
    assert command is not None
    with click.Context(command, info_name=name, parent=parent, terminal_width=96, max_content_width=96) as context:
        yield f"{level} {context.command_path}\n\n```text\n{command.get_help(context)}\n```"
        if isinstance(command, click.Group):
            for inner in command.list_commands(context):
                yield from helps(command, inner, context, f"{level}#")


def preset_rows() -> str:
    """Presets with their windows."""
    rows = []
    for name in presets.names():
        row = presets.preset(name)
        look = row.look
        windows = ", ".join(f"{method} {w.center:g}/{w.width:g}" for method, w in look.windows.items())
        rows.append([f"`{name}`", row.modality, row.description, windows, f"{look.level:g}"])
    return table(["Preset", "For", "Shows", "Windows (center/width)", "Surface level"], rows)


def preset_defaults() -> str:
    """The preset that each method takes where none is named."""
    rows = [
        [words, *(f"`{presets.default_for(modality, method)}`" for modality in presets.MODALITIES)]
        for method, words in presets.METHOD_WORDS.items()
    ]
    return table(["Method", "CT", "MR and others"], rows)


def operation_sections() -> str:
    """Every operation with its parameters."""
    return "\n\n".join(_operation(row) for row in OPERATIONS.values())


def _operation(row: Operation) -> str:
    takes = ", ".join(f"`{name}` ({kind.__name__})" for name, kind in row.inputs.items())
    takes += "".join(f", if wanted `{name}` ({kind.__name__})" for name, kind in row.optional.items())
    counts = "yes" if row.qualifies else "no"
    head = (
        f"### {row.name}\n\n{row.technique}. Takes {takes}; makes a {row.output.__name__}. 76377 technique: {counts}."
    )
    if not row.parameters:
        return head + "\n\nNo parameters."
    return head + "\n\n" + table(["Parameter", "Kind", "Default", "Meaning"], map(_parameter, row.parameters))


def _parameter(row: Parameter) -> list[str]:
    default = "required" if row.default is REQUIRED else "worked out" if row.default is None else f"`{row.default}`"
    unit = f", {row.unit}" if row.unit else ""
    return [f"`{row.name}`", row.kind, default, row.help + unit]


def recipe_rows() -> str:
    """Built-in recipes."""
    return table(["Recipe", "What it makes"], ([f"`{n}`", builtin(n).description] for n in builtin_names()))


def ending_rows() -> str:
    """File endings of every kind of value."""
    return table(["Value", "Endings"], ([k.__name__, ", ".join(f"`{e}`" for e in v)] for k, v in ENDINGS.items()))


def error_tree() -> str:
    """The error tree, as its module draws it."""
    text = prosector.errors.__doc__ or ""
    lines = text.split("The tree::")[1].split("Messages say")[0].strip("\n").splitlines()
    return "```text\n" + "\n".join(line.removeprefix("    ") for line in lines).strip("\n") + "\n```"


def rule_rows() -> str:
    """The rules, section by section."""
    parts = []
    for letter, title in sections().items():
        found = [row for row in rules().values() if row.section == letter]
        lines = [[row.id, row.severity, row.text, ", ".join(row.sources), row.dated] for row in found]
        parts.append(f"### {letter}. {title}\n\n" + table(["Rule", "Severity", "Text", "Sources", "Dated"], lines))
    return "\n\n".join(parts)


def profile_rows() -> str:
    """Profiles, and where they weigh a rule otherwise than the table."""
    lines = []
    for name in profile_names():
        row = profile(name)
        weighed = [f"{rule} {severity}" for rule, severity in row.severities.items()]
        weighed += [f"nothing above {row.at_most}, integrity apart"] if row.at_most != "E" else []
        lines.append([f"`{name}`", row.title, row.notes, ", ".join(weighed) or "–", ", ".join(row.sources), row.dated])
    return table(["Profile", "For", "Notes", "Weighs otherwise", "Sources", "Dated"], lines)


def base_code_rows() -> str:
    """Codes of base studies by what they mean for 3D work."""
    lines = [[row.kind, ", ".join(row.codes), row.reason, row.source, row.dated] for row in base_codes.rows()]
    return table(["", "Codes", "Why", "Source", "Dated"], lines)


def technique_word_rows() -> str:
    """Techniques that the text may name, and what backs them."""
    lines = []
    for row in techniques():
        backed = ", ".join(f"`{name}`" for name in sorted(row.operations)) or "nothing in this software"
        lines.append([row.name, backed + (f", with `{row.parameter}` set" if row.parameter else "")])
    return table(["Named in the text", "Backed by a step of"], lines)


def rule_source_rows() -> str:
    """What the short names of sources stand for."""
    return table(["Name", "Source"], sources().items())


TABLES: dict[str, Callable[[], str]] = {
    "base_codes": base_code_rows,
    "commands": commands,
    "defaults": preset_defaults,
    "endings": ending_rows,
    "errors": error_tree,
    "operations": operation_sections,
    "presets": preset_rows,
    "profiles": profile_rows,
    "recipes": recipe_rows,
    "rule_sources": rule_source_rows,
    "rules": rule_rows,
    "technique_words": technique_word_rows,
}
