"""The look of the PDF: fonts, colours and paragraph styles."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from reportlab import rl_config
from reportlab.lib import colors
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont

from prosector.errors import MachineError

INK, SOFT, LINE, PALE = (colors.HexColor(c) for c in ("#1b2330", "#5c6675", "#d7dce3", "#eef0f3"))
WARN, WARN_GROUND, BAR = (colors.HexColor(c) for c in ("#8a1c12", "#fdf0ee", "#2b5c8a"))

FACES = {"text": "DejaVuSans", "bold": "DejaVuSans-Bold", "slanted": "DejaVuSans-Oblique", "code": "DejaVuSansMono"}
"""DejaVu (Bitstream Vera licence), which Matplotlib ships: Latin with every diacritic, Greek, Cyrillic."""


def padding(top: float, bottom: float, left: float, right: float) -> list[tuple[Any, ...]]:
    """Of every cell, in points."""
    sides = {"TOPPADDING": top, "BOTTOMPADDING": bottom, "LEFTPADDING": left, "RIGHTPADDING": right}
    return [(name, (0, 0), (-1, -1), value) for name, value in sides.items()]


@cache
def style_of(name: str) -> ParagraphStyle:
    """A paragraph style by name."""
    text = ParagraphStyle("text", fontName=FACES["text"], fontSize=8.6, leading=12.2, textColor=INK, spaceAfter=3,
                          splitLongWords=1)  # fmt: skip

    def like(**changes: Any) -> ParagraphStyle:
        return ParagraphStyle(name, parent=text, **changes)

    small = {"fontSize": 7.6, "leading": 10.2, "spaceAfter": 0}
    styles = {
        "text": text,
        "title": like(fontName=FACES["bold"], fontSize=17, leading=21),
        "section": like(fontName=FACES["bold"], fontSize=8, leading=10, textColor=SOFT, spaceAfter=0),
        "origin": like(fontSize=6.8, leading=9, textColor=SOFT, alignment=TA_RIGHT, spaceAfter=0),
        "heading": like(fontName=FACES["bold"], fontSize=9.2, leading=12.5, spaceBefore=5, spaceAfter=2),
        "absent": like(fontName=FACES["slanted"], textColor=SOFT),
        "alarm": like(fontName=FACES["bold"], textColor=WARN),
        "written": like(fontSize=9.4, leading=13.4, spaceAfter=1),
        "soft": like(**small, textColor=SOFT),
        "value": like(**small, wordWrap="CJK"),
        "not stated": like(**small | {"fontName": FACES["slanted"]}, textColor=SOFT),
        "cell": like(**small),
        "number": like(**small, alignment=TA_RIGHT),
        "head": like(**small | {"fontName": FACES["bold"]}, textColor=SOFT),
        "head number": like(**small | {"fontName": FACES["bold"]}, textColor=SOFT, alignment=TA_RIGHT),
        "code": like(fontName=FACES["code"], fontSize=6, leading=8, textColor=SOFT, spaceAfter=0, wordWrap="CJK"),
        "caption": like(**small),
        "bullet": like(leftIndent=10, bulletIndent=1),
        "banner": like(fontName=FACES["bold"], fontSize=10.5, leading=14, textColor=WARN, spaceAfter=0),
        "banner text": like(textColor=WARN, spaceAfter=0),
    }
    return styles[name]


@cache
def require_fonts() -> None:
    """Register the fonts, or raise MachineError."""
    rl_config.useA85 = 0  # text encoding of pictures makes them larger, and takes most of the time
    found = find_spec("matplotlib")
    places = [
        Path(place) / "mpl-data" / "fonts" / "ttf" for place in (found and found.submodule_search_locations) or ()
    ]
    for face in FACES.values():
        file = next((place / f"{face}.ttf" for place in places if (place / f"{face}.ttf").is_file()), None)
        if file is None:
            raise MachineError(f"the font {face} is not there: Matplotlib, which ships it, is not installed whole")
        pdfmetrics.registerFont(TTFont(face, str(file)))
