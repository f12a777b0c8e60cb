"""The command line: one module a command, loaded when it is called for."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

import click

from prosector._version import __version__
from prosector.errors import ProsectorError

COMMANDS = {
    "info": "list the series in a folder and whether each makes a volume",
    "render": "make one picture of a series",
    "cine": "film a series: turning, rocking or slab by slab",
    "sheet": "show a series from all six sides on one page",
    "segment": "delineate a structure and write a label map",
    "apply": "do any one operation on a series and write what it makes",
    "measure": "distances, angles, volumes, diameters and more, with uncertainty",
    "mesh": "extract a surface as STL, PLY or VTP",
    "run": "run a recipe: everything it names, with the draft report",
    "recipes": "list the built-in recipes",
    "operations": "list the operations, or show what one takes and makes",
    "demo": "run the main job on the embedded sample",
    "people": "the users of this workstation: add, list, change a passphrase",
    "login": "log in: what is done from now on bears your name",
    "logout": "log out",
    "case": "a case: create, run, decide, write, show, verify, replay, anchor",
    "report": "draft, sign, amend and show the report of a case",
    "send": "send a case, or files, to an archive (PACS), with receipts",
    "fetch": "find a study in an archive and bring it",
    "deidentify": "copy a series or a case without who it is about",
    "datasets": "list and fetch public series",
    "phantom": "compute the scan of a test object of which every number is known",
    "verify-accuracy": "measure test objects against the truth: the acceptance test",
    "bench": "time it beside its peers on this machine",
}
"""Commands and their one-line help; ``prosector.cli.<name>`` holds each."""

INTERRUPTED = 130
INTERNAL = 70
TRACEBACK = "PROSECTOR_TRACEBACK"
"""Environment variable that shows the traceback of an internal error."""


class _Commands(click.Group):
    """Knows every command by name, and imports one only when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"prosector.cli.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        command.name = cmd_name
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="prosector")
def group() -> None:
    """Medical 3D post-processing of CT and MR.

    Not cleared for diagnosis. Whatever is made here without a physician's session is marked as not
    supervised.

    Exit codes: 0 done, 1 a check says no, 2 wrong usage, 3 bad input, 4 environment.
    """


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; errors of ours become one message and an exit code."""
    try:
        code = group.main(args=arguments, prog_name="prosector", standalone_mode=False)
        if code:  # not standalone, click returns the code of an Exit
            sys.exit(code)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted; nothing half-written was left behind", err=True)
        sys.exit(INTERRUPTED)
    except ProsectorError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.stderr.close()  # the reader went away (``| head``): there is nobody to tell
        sys.exit(0)
    except MemoryError:
        click.echo("error: not enough memory for this volume; close other programs or use a larger machine", err=True)
        sys.exit(4)
    except OSError as error:
        click.echo(f"error: {error.strerror or type(error).__name__}: {error.filename or ''}", err=True)
        sys.exit(4)
    except Exception as error:
        if os.environ.get(TRACEBACK):
            raise
        click.echo(f"internal error: {type(error).__name__}{_place(error)}. Nothing half-written was left behind. "
                   f"Run it again with {TRACEBACK}=1 and report what it prints", err=True)  # fmt: skip
        sys.exit(INTERNAL)


def _place(error: Exception) -> str:
    """Where it happened, without the message, which could name the patient."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f" in {Path(trace.tb_frame.f_code.co_filename).name}, line {trace.tb_lineno}" if trace else ""
