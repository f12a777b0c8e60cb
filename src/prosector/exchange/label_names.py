"""Names of labels: what other programs call structures, and the tables in which they say so.

Three kinds of table travel with label images: the XML label table of a NIfTI extension, which Connectome Workbench
introduced and TotalSegmentator writes; the label description file that ITK-SNAP saves beside an image; and the colour
table of 3D Slicer.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from xml.etree import ElementTree
from xml.sax.saxutils import escape, quoteattr

from prosector.errors import UnknownNameError
from prosector.model.labels import Segment
from prosector.model.structures import STRUCTURES, Structure, structure

IMPORTED = "imported, not stated"
"""Algorithm of labels whose file does not tell it."""

_RIBS = tuple(f"rib_{side}_{n}" for side in ("left", "right") for n in range(1, 13))
_SPINE = tuple(f"vertebrae_{level}{n}" for level, last in (("L", 5), ("T", 12), ("C", 7)) for n in range(last, 0, -1))

TOTALSEGMENTATOR: tuple[str, ...] = (
    *("spleen", "kidney_right", "kidney_left", "gallbladder", "liver", "stomach", "pancreas"),
    *("adrenal_gland_right", "adrenal_gland_left", "lung_upper_lobe_left", "lung_lower_lobe_left"),
    *("lung_upper_lobe_right", "lung_middle_lobe_right", "lung_lower_lobe_right", "esophagus", "trachea"),
    *("thyroid_gland", "small_bowel", "duodenum", "colon", "urinary_bladder", "prostate", "kidney_cyst_left"),
    *("kidney_cyst_right", "sacrum", "vertebrae_S1", *_SPINE, "heart", "aorta", "pulmonary_vein"),
    *("brachiocephalic_trunk", "subclavian_artery_right", "subclavian_artery_left", "common_carotid_artery_right"),
    *("common_carotid_artery_left", "brachiocephalic_vein_left", "brachiocephalic_vein_right"),
    *("atrial_appendage_left", "superior_vena_cava", "inferior_vena_cava", "portal_vein_and_splenic_vein"),
    *("iliac_artery_left", "iliac_artery_right", "iliac_vena_left", "iliac_vena_right", "humerus_left"),
    *("humerus_right", "scapula_left", "scapula_right", "clavicula_left", "clavicula_right", "femur_left"),
    *("femur_right", "hip_left", "hip_right", "spinal_cord", "gluteus_maximus_left", "gluteus_maximus_right"),
    *("gluteus_medius_left", "gluteus_medius_right", "gluteus_minimus_left", "gluteus_minimus_right"),
    *("autochthon_left", "autochthon_right", "iliopsoas_left", "iliopsoas_right", "brain", "skull", *_RIBS),
    *("sternum", "costal_cartilages"),
)
"""Classes of TotalSegmentator's task "total", version 2, from label 1 on."""

NUMBERINGS: Mapping[str, tuple[str, ...]] = {"totalsegmentator": TOTALSEGMENTATOR}
"""Numberings that can be asked for by name."""

_OTHER_WORDS = {
    "clavicula": "clavicle",
    "hip": "hip bone",
    "autochthon": "deep back muscles",
    "iliac artery": "common iliac artery",
    "iliac vena": "common iliac vein",
    "lung upper lobe": "upper lobe of lung",
    "lung lower lobe": "lower lobe of lung",
    "lung middle lobe": "middle lobe of lung",
    "portal vein and splenic vein": "portal and splenic vein",
    "oesophagus": "esophagus",
    "tumor": "tumour",
    "small intestine": "small bowel",
    "bladder": "urinary bladder",
    "vertebrae": "vertebra",
    "ribs": "rib",
    "bones": "bone",
    "vessels": "vessel",
    "lungs": "lung",
    "tissue": "unspecified tissue",
}
"""Words of other programs for what a row of STRUCTURES calls otherwise, without side."""

_TABLE_ENDINGS = (".label", ".ctbl", "_labels.txt", ".txt")
"""Endings of a table beside an image, put after the image's name without its own ending."""


def plain_name(name: str) -> str:
    """A name as :data:`STRUCTURES` writes it, where that is a matter of order and underscores: "left femur"."""
    words = [w for w in re.split(r"[\s_]+", name.strip()) if w]
    low = [w.lower() for w in words]
    side = next((s for s in ("left", "right") if s in low), "")
    rest = [w for w, lower in zip(words, low, strict=True) if lower != side]
    numbers = [w for w in rest if w.isdigit()]
    bare = " ".join(w for w in rest if not w.isdigit())
    level = re.fullmatch(r"(?i:vertebrae?) ([CTLS]\d+)", bare) or re.fullmatch(r"([CTLS]\d+)(?: (?i:vertebra))?", bare)
    if level:
        return f"{level[1]} vertebra"
    bare = _OTHER_WORDS.get(bare.lower(), bare.lower())
    if (side, bare) == ("right", "middle lobe of lung"):
        return "middle lobe of right lung"
    return " ".join(part for part in (side, bare, *numbers) if part)


def structure_of(name: str) -> Structure:
    """The structure that a name stands for; "unspecified tissue" where it is none of ours."""
    return STRUCTURES.get(name) or STRUCTURES.get(plain_name(name)) or structure("unspecified tissue")


def imported_segment(number: int, name: str, algorithm: str = IMPORTED) -> Segment:
    """A segment that another program named: under our name where we have one, else under its own."""
    plain = plain_name(name)
    return Segment(number, plain if plain in STRUCTURES else name, structure_of(name), "SEMIAUTOMATIC", algorithm)


def numbered(names: str) -> dict[int, Segment]:
    """Segments of a numbering that is asked for by name.

    Raises
    ------
    UnknownNameError
        If there is no such numbering.
    """
    if names not in NUMBERINGS:
        raise UnknownNameError("numbering of labels", names, NUMBERINGS)
    return {n: imported_segment(n, name, "TotalSegmentator") for n, name in enumerate(NUMBERINGS[names], 1)}


def write_label_table(segments: Iterable[Segment]) -> str:
    """The segments' numbers, names and colours as an XML label table."""
    rows = []
    for s in segments:
        red, green, blue = (quoteattr(f"{c / 255:.6g}") for c in s.structure.color_rgb)
        rows.append(f'<Label Key="{s.number}" Red={red} Green={green} Blue={blue} Alpha="1">{escape(s.name)}</Label>')
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<CaretExtension><VolumeInformation Index="0"><LabelTable>\n'
        + "\n".join(rows)
        + "\n</LabelTable><VolumeType>Label</VolumeType></VolumeInformation></CaretExtension>\n"
    )


def read_label_table(text: str) -> dict[int, str]:
    """Names by number from an XML label table; empty where the text is none.

    A document type declaration, with which a small file can claim a huge one, is not read.
    """
    if "<LabelTable" not in text or "<!DOCTYPE" in text:
        return {}
    try:
        root = ElementTree.fromstring(text.strip("\0 \r\n\t").encode())  # noqa: S314  no entities get here
        labels = root.iter("Label")
        named = {int(label.attrib["Key"]): (label.text or "").strip() for label in labels}
    except (ElementTree.ParseError, KeyError, ValueError):
        return {}
    return {number: name for number, name in named.items() if number > 0 and name}


def table_beside(image: Path) -> Path | None:
    """A label description (ITK-SNAP) or colour table (3D Slicer) that lies beside an image under its name."""
    stem = re.sub(r"(\.nii\.gz|\.nii|\.nrrd)$", "", image.name)
    candidates = (image.with_name(stem + ending) for ending in _TABLE_ENDINGS)
    return next((file for file in candidates if file.is_file()), None)


def read_color_table(file: Path) -> dict[int, str]:
    """Names by number from an ITK-SNAP label description or a colour table of 3D Slicer.

    ITK-SNAP's rows are ``number red green blue alpha visible mesh "name"``, 3D Slicer's ``number name red green blue
    alpha`` with spaces in names as underscores. Other lines are passed over; a file without any such row gives an
    empty dictionary.
    """
    found = {}
    for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            words = shlex.split(line, comments=True)
        except ValueError:
            continue
        if len(words) == 8 and all(_is_number(w) for w in words[:7]):
            number, name = words[0], words[7]
        elif len(words) == 6 and all(_is_number(w) for w in (words[0], *words[2:])):
            number, name = words[0], words[1].replace("_", " ")
        else:
            continue
        if number.isdigit() and int(number) > 0:
            found[int(number)] = name
    return found


def _is_number(word: str) -> bool:
    return re.fullmatch(r"-?\d+(\.\d+)?", word) is not None
