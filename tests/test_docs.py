"""What the documentation shows is true: its Python runs, its commands exist, its tables are whole."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from prosector.cli import COMMANDS, group
from prosector.pipeline.recipes import parse_recipe
from prosector.pipeline.run import check_recipe

ROOT = Path(__file__).parents[1]
PAGES = [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md"]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def fences(page: Path, language: str) -> list[str]:
    return [body for kind, body in FENCE.findall(page.read_text(encoding="utf-8")) if kind == language]


def commands_of(page: Path) -> Iterator[list[str]]:
    """Arguments of every ``prosector`` command of a page, in fences and inside sentences."""
    text = page.read_text(encoding="utf-8")
    lines = [line for body in fences(page, "sh") for line in body.splitlines()]
    for line in lines + re.findall(r"`(prosector [a-z]+ [^`]+)`", text):
        words = shlex.split(line, comments=True)
        if words[:1] == ["prosector"]:
            yield words[1:]


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


WITH_PYTHON = [page for page in PAGES if fences(page, "python")]
WITH_COMMANDS = [page for page in PAGES if list(commands_of(page))]


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that looks like the clone to an example, where it may write."""
    (tmp_path / "sample_data").symlink_to(ROOT / "sample_data")
    (tmp_path / "README.md").symlink_to(ROOT / "README.md")
    (tmp_path / "hip.json").write_text(fences(ROOT / "docs" / "howto" / "recipes.md", "json")[0], encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", WITH_PYTHON, ids=name_of)
def test_python_examples_run(page: Path, workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All examples of a page in turn, in one namespace, as a reader would type them."""
    namespace: dict[str, object] = {"__name__": "__main__"}
    for example in fences(page, "python"):
        exec(compile(example, name_of(page), "exec"), namespace)
    for made in workplace.rglob("*.*"):
        assert made.stat().st_size > 0
    if page.name == "python.md":
        volumes = re.search(r"(\d+) ml of (\d+) ml", capsys.readouterr().out)
        assert volumes is not None
        assert int(volumes[1]) == pytest.approx(int(volumes[2]), rel=0.02)


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=name_of)
def test_commands_exist_with_their_options(page: Path) -> None:
    """Parsed as the command line would, without running them."""
    with click.Context(group, info_name="prosector") as parent:
        for name, *arguments in commands_of(page):
            if name.startswith("-"):
                continue
            parse(group, parent, [name, *arguments], page)


def parse(inside: click.Group, parent: click.Context, words: list[str], page: Path) -> None:
    """Parse a command's arguments, and those of the commands inside it."""
    name, *arguments = words
    command = inside.get_command(parent, name)
    assert command is not None, f"{name_of(page)}: no command {name}"
    if isinstance(command, click.Group) and arguments and not arguments[0].startswith("-"):
        with click.Context(command, info_name=name, parent=parent) as context:
            parse(command, context, arguments, page)
    elif arguments or inside is group:  # a sentence may name an inner command alone
        command.make_context(name, arguments, parent=parent)


def test_every_command_is_in_the_readme() -> None:
    told = {words[0] for words in commands_of(ROOT / "README.md")}
    assert set(COMMANDS) <= told


def test_tutorial_commands_run(workplace: Path) -> None:
    """The first pictures of the tutorial, through the real command line."""
    shown = [words for words in commands_of(ROOT / "docs" / "tutorial.md") if words[0] in ("info", "segment", "mesh")]
    assert len(shown) == 3
    for words in shown:
        done = subprocess.run([sys.executable, "-m", "prosector", *words], capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
    assert (workplace / "bone.stl").stat().st_size > 10_000


def test_the_recipe_of_the_docs_is_sound() -> None:
    check_recipe(parse_recipe(json.loads(fences(ROOT / "docs" / "howto" / "recipes.md", "json")[0])))


def test_every_page_is_in_the_navigation() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").split("nav:")[1]
    for page in (ROOT / "docs").rglob("*.md"):
        assert page.relative_to(ROOT / "docs").as_posix() in navigation


def test_pages_load_nothing_from_elsewhere() -> None:
    """Links lead outside; pictures, scripts and styles never come from there."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        assert not re.search(r"!\[[^\]]*\]\(https?:", text), name_of(page)
        assert not re.search(r"<(img|script|link|iframe)\b", text), name_of(page)
    assert "font: false" in (ROOT / "mkdocs.yml").read_text(encoding="utf-8")


def test_pictures_of_the_docs_are_there() -> None:
    for page in PAGES:
        for target in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).is_file(), f"{name_of(page)}: {target}"
