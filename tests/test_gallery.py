"""The preset gallery of the docs: whole, small, and what its script says."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest
from PIL import Image

from prosector.rendering import presets

DOCS = Path(__file__).parents[1] / "docs"
PICTURES = DOCS / "images" / "gallery"


@pytest.fixture(scope="module")
def gallery():
    spec = importlib.util.spec_from_file_location("gallery", DOCS / "hooks" / "gallery.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def test_every_preset_is_in_the_gallery(gallery):
    page = (DOCS / "gallery.md").read_text(encoding="utf-8")
    for name in presets.names():
        assert f"## {name}\n" in page
        assert f"](images/gallery/{name}-" in page, "with a picture"


def test_the_page_is_what_the_script_writes(gallery):
    assert (DOCS / "gallery.md").read_text(encoding="utf-8") == gallery.page()


def test_pictures_are_there_and_small_and_nothing_else_is(gallery):
    files = {path.name: path for path in PICTURES.iterdir()}
    assert set(files) == {shown.file for shown in gallery.GALLERY}
    assert all(path.stat().st_size <= 40 * 1024 for path in files.values())
    assert sum(path.stat().st_size for path in files.values()) < 600 * 1024
    for path in files.values():
        with Image.open(path) as picture:
            assert picture.size == (400, 340)
            assert not picture.getexif()


def test_rows_fit_their_presets(gallery):
    for shown in gallery.GALLERY:
        modality = "MR" if shown.source == "mra" else "CT"
        assert presets.preset(shown.preset).modality == modality
        assert shown.source in gallery.SOURCES
