"""Words against the trace: what a text says was done, and what it says was not."""

from __future__ import annotations

import pytest
from rules_case import complete_case

from prosector.pipeline.operations import OPERATIONS
from prosector.report.rules_words import mentions, techniques


def told(text: str) -> set[str]:
    return {mention.technique.name for mention in mentions(text)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3D MIP and volume-rendered images.", {"maximum intensity projection", "volume rendering"}),
        ("Maximum-intensity projections in six views", {"maximum intensity projection"}),
        ("VRT and shaded surface display", {"volume rendering", "shaded surface"}),
        ("surface shaded display (SSD)", {"shaded surface"}),
        ("MinIP of the airways", {"minimum intensity projection"}),
        ("Curved MPR along the vessel", {"curved reformat"}),
        ("Multiplanar reformats in three planes", {"multiplanar reformat"}),
        ("Curved planar reformation of the left coronary", {"curved reformat"}),
        ("Cinematic rendering and a cine loop", {"cinematic rendering", "cine"}),
        ("Virtual bronchoscopy; fly through", {"fly-through"}),
        ("The kidney was segmented and measured", {"segmentation", "measurement"}),
        ("3D volumetry of the liver", {"volumetry"}),
        ("A surface model was 3D printed from the STL.", {"surface mesh or model"}),
        ("After bone removal the vessels are free.", {"bone removal"}),
        ("The three-dimensional rendering is clear.", {"3D rendering"}),
        ("Fused PET images", {"image fusion"}),
        ("Agatston score of 12", {"calcium score"}),
        # not a technique at all
        ("The articular surface is intact.", set()),
        ("Segmentation anomaly of L5; occlusion of the M1 segment; ST segment normal.", set()),
        ("Status after CPR and spinal fusion.", set()),
        ("The mipmap of vrml is no matter.", set()),
        # denied
        ("No MIP was made.", set()),
        ("Without volume rendering.", set()),
        ("MIP images were not obtained.", set()),
        ("A fly-through wasn't performed.", set()),
        ("No separate 3D MIP.", set()),
        ("Instead of MPR, nothing.", set()),
        # a negation that is about something else
        ("No stenosis on MIP.", {"maximum intensity projection"}),
        ("The MIP shows no stenosis.", {"maximum intensity projection"}),
        ("MIP: the vessel was not occluded.", {"maximum intensity projection"}),
        ("No MPR was made. MIP was.", {"maximum intensity projection"}),
    ],
)
def test_what_a_text_says_was_done(text: str, expected: set[str]) -> None:
    assert told(text) == expected


def test_every_operation_has_a_word_and_every_word_fits() -> None:
    backed = set().union(*(technique.operations for technique in techniques()))
    assert backed == set(OPERATIONS)


def test_nothing_backs_what_the_software_cannot_do() -> None:
    assert {t.name for t in techniques() if not t.operations} == {"fly-through", "image fusion"}


def test_a_word_is_backed_by_its_step() -> None:
    built = complete_case(lambda d: d.report["findings"][0]["texts"].append(
        {"text": "3D MIP, volume rendering; the bone was segmented and measured.", "origin": "written"}
    ))  # fmt: skip
    assert built.check("medicare-hospital").complete


def test_generated_text_and_the_necessity_are_not_held_to_it() -> None:
    def change(draft):
        draft.report["necessity"]["text"] = "The fly-through of the base study shows nothing; surgery is planned."
        draft.report["impression"]["text"] += " "
        draft.report["limitations"].append({"text": "No fusion; fly-through.", "origin": "generated"})

    assert complete_case(change).check("medicare-hospital").complete
