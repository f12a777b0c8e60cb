"""``prosector deidentify``: a series or a case without who it is about."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import click

from prosector.cli.console import PATH, progress_bar
from prosector.errors import InputError, OutputError

if TYPE_CHECKING:
    from prosector.dicom.deidentify import Options, Pseudonyms


@click.command()
@click.argument("path", type=PATH)
@click.option("--out", type=PATH, required=True, metavar="FOLDER", help="A new or empty folder.")
@click.option("--shift-dates", is_flag=True, help="Move dates back by the same days instead of removing them.")
@click.option("--keep-device", is_flag=True, help="Keep serial numbers and names of the equipment.")
@click.option("--keep-characteristics", is_flag=True, help="Keep sex, age, size, weight of the patient.")
@click.option("--keep-texts", is_flag=True, help="Keep what people wrote in a case; it may name anybody.")
@click.option(
    "--secret-file", type=PATH, metavar="FILE", help="Keep the secret here, or use it again: the same new UIDs."
)
def command(
    path: Path,
    out: Path,
    shift_dates: bool,
    keep_device: bool,
    keep_characteristics: bool,
    keep_texts: bool,
    secret_file: Path | None,
) -> None:
    """Copy PATH, a case or DICOM files, without who it is about (DICOM PS3.15 Annex E, basic profile).

    The copy is searched at the end; if anything is found in it, it is removed again.
    """
    from prosector.case.log import LOG
    from prosector.dicom.deidentify import Options

    options = Options("shift" if shift_dates else "remove", keep_device, keep_characteristics)
    names = _names(secret_file)
    if (path / LOG).is_file():
        _case(path, out, options, names, keep_texts)
    else:
        _series(path, out, options, names)


def _case(path: Path, out: Path, options: Options, names: Pseudonyms, keep_texts: bool) -> None:
    from prosector.case.deidentify import deidentify_case
    from prosector.case.sessions import current_session

    with progress_bar() as progress:
        made = deidentify_case(
            path, out, options, names=names, keep_texts=keep_texts, session=current_session(), progress=progress
        )
    for line in made.dropped:
        click.echo(line, err=True)
    click.echo(f"{made.folder}: {len(made.same)} values are the same as in the original, {len(made.other)} are not")
    for step in made.other:
        click.echo(f"  {step} is another")


def _series(path: Path, out: Path, options: Options, names: Pseudonyms) -> None:
    from prosector.case.deidentify import require_clean
    from prosector.dicom.deidentify import deidentify_series

    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out.name} is there already and not empty")
    try:
        with progress_bar() as progress:
            found = deidentify_series(path, out, names, options, progress=progress)
        require_clean(out, found.identity)
    except BaseException:
        shutil.rmtree(out, ignore_errors=True)
        raise
    for number, why in found.dropped:
        click.echo(f"file {number} was left out: {why}", err=True)
    click.echo(f"{out}: {len(found.written)} files")


def _names(secret_file: Path | None) -> Pseudonyms:
    """Pseudonyms by a secret that is kept in a file for its owner only, or forgotten.

    Raises
    ------
    InputError
        If the file holds no secret.
    """
    from prosector.dicom.deidentify import Pseudonyms

    if secret_file is None:
        return Pseudonyms()
    if secret_file.exists():
        try:
            secret = bytes.fromhex(secret_file.read_text(encoding="ascii").strip())
        except (OSError, ValueError) as error:
            raise InputError(f"{secret_file.name} holds no secret that was kept here") from error
        if len(secret) < 32:
            raise InputError(f"{secret_file.name} holds no secret that was kept here")
        return Pseudonyms(secret)
    names = Pseudonyms()
    try:
        handle = os.open(secret_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise OutputError(f"cannot write {secret_file}: {error.strerror}") from error
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(names.secret.hex() + "\n")
    return names
