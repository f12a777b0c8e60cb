"""The tests of bone, fragments, lesions and distances."""

from __future__ import annotations

import numpy as np

from prosector.acceptance.limits import BONE_DICE, LABELS_FOUND, LABELS_GIVEN, VESSEL_DICE
from prosector.acceptance.measure import CORRECTED, attempt, dice_row, limit_of_arc, limit_of_lesion, renamed, row_of
from prosector.acceptance.values import Drawn, Row

MINIMUM = "minimum distance between surfaces"


def measure_vessel_volume(drawn: Drawn) -> list[Row]:
    """A vessel's lumen is found, and its volume."""
    phantom = drawn.phantom
    found, why = attempt("segment-vessels", {"volume": phantom.volume})
    if found is None:
        return [
            row_of(drawn, None, CORRECTED, "vessel", phantom.value("volume", "vessel"), labels=LABELS_FOUND, note=why)
        ]
    lumen = renamed(found, phantom.labels, ["vessel"])
    sizes, why = attempt("measure-segments", {"labels": lumen, "volume": phantom.volume})
    truth = phantom.value("volume", "vessel")
    return [
        dice_row(drawn, "vessel", lumen, phantom.labels.mask("vessel"), VESSEL_DICE),
        row_of(drawn, sizes, CORRECTED, "vessel", truth, labels=LABELS_FOUND, note=why),
    ]


def measure_fracture(drawn: Drawn) -> list[Row]:
    """Bone is found, taken apart, and the fragments measured against the mirrored side."""
    phantom, names = drawn.phantom, ["main fragment", "distal fragment", "intact side"]
    bone, why = attempt("segment-bone", {"volume": phantom.volume})
    rows = []
    if bone is not None:
        rows.append(dice_row(drawn, "bone", bone, phantom.labels.mask(), BONE_DICE))
        parts, why = attempt("segment-fragments", {"volume": phantom.volume, "labels": bone})
        if parts is not None:
            return rows + _fragments(drawn, renamed(parts, phantom.labels, names), LABELS_FOUND)
    missing = row_of(drawn, None, "fracture gap", "", phantom.value("gap"), labels=LABELS_FOUND, note=why)
    return [*rows, missing]


def measure_given_fragments(drawn: Drawn) -> list[Row]:
    """The fragments are measured on their true labels."""
    return _fragments(drawn, drawn.phantom.labels, LABELS_GIVEN)


def _fragments(drawn: Drawn, labels: object, how: str) -> list[Row]:
    phantom, of = drawn.phantom, "distal fragment from main fragment"
    inputs = {"labels": labels, "volume": phantom.volume}
    found, why = attempt("measure-fragments", inputs, mirror="intact side", reference="main fragment")
    fracture = phantom.truth["fracture"]
    rows = [
        row_of(
            drawn,
            found,
            "fracture gap",
            of,
            phantom.value("gap"),
            labels=how,
            along=fracture["plane_normal_lps"],
            note=why,
        ),
        row_of(drawn, found, "rotation to reduce", "", phantom.value("rotation"), labels=how, note=why),
    ]
    if phantom.value("rotation") == 0:  # a step-off is one number only between faces that are not turned
        rows.insert(1, row_of(drawn, found, "step-off", of, phantom.value("step-off"), labels=how, note=why))
    rows += [
        row_of(drawn, found, "fragment volume", name, phantom.value("volume", name), labels=how, note=why)
        for name in ("main fragment", "distal fragment")
    ]
    return rows


def measure_lesion(drawn: Drawn) -> list[Row]:
    """A lesion is found from one click and its distance from the vessel measured."""
    phantom = drawn.phantom
    lesion, why = attempt(
        "segment-lesion", {"volume": phantom.volume}, seeds_lps=phantom.truth["points_lps"]["lesion centre"]
    )
    vessels, also = attempt("segment-vessels", {"volume": phantom.volume})
    gap = phantom.value("distance")
    if lesion is None or vessels is None:
        return [row_of(drawn, None, MINIMUM, "", gap, labels=LABELS_FOUND, note=why or also)]
    lumen = renamed(vessels, phantom.labels, ["vessel"])
    inputs = {"labels": lesion, "other": lumen, "volume": phantom.volume}
    found, why = attempt("measure-distance", inputs, first="lesion", second="vessel")
    ends = np.subtract(*phantom.truth["quantities"][0]["where_lps"])
    sizes, also = attempt("measure-segments", {"labels": lesion, "volume": phantom.volume})
    truth = phantom.value("volume", "lesion")
    return [
        row_of(drawn, found, MINIMUM, "", gap, labels=LABELS_FOUND, along=ends, note=why),
        row_of(
            drawn,
            sizes,
            CORRECTED,
            "lesion",
            truth,
            labels=LABELS_FOUND,
            note=also,
            limit=limit_of_lesion(drawn, truth),
        ),
    ]


def measure_given_distance(drawn: Drawn) -> list[Row]:
    """The distance of two structures on their true labels."""
    phantom = drawn.phantom
    row = next(q for q in phantom.truth["quantities"] if q["name"] == "distance")
    first, second = row["of"].split(" to ")
    inputs = {"labels": phantom.labels, "volume": phantom.volume}
    found, why = attempt("measure-distance", inputs, first=first, second=second)
    # a joint space is as narrow in every direction: the voxel's length along the one line says nothing of it
    along = None if phantom.kind == "joint" else np.subtract(*row["where_lps"])
    return [row_of(drawn, found, MINIMUM, "", row["value"], labels=LABELS_GIVEN, along=along, note=why)]


def measure_encasement(drawn: Drawn) -> list[Row]:
    """How much of a vessel's circumference a tumour surrounds, on the true labels."""
    phantom = drawn.phantom
    line = phantom.truth["centerlines"]["vessel"]["points_lps"]
    way = {"segment": "vessel", "start_lps": line[0], "ends_lps": line[-1]}
    center, why = attempt("centerline", {"labels": phantom.labels}, **way)
    inputs = {"labels": phantom.labels, "volume": phantom.volume, **({"centerlines": center} if center else {})}
    found, also = attempt("measure-encasement", inputs, lesion="lesion", vessel="vessel")
    why = also or why
    length = phantom.value("contact length")
    return [
        row_of(
            drawn,
            found,
            "encasement angle",
            "",
            phantom.value("encasement"),
            labels=LABELS_GIVEN,
            note=why,
            limit=limit_of_arc(drawn, phantom.value("diameter", "vessel")),
        ),
        row_of(drawn, found, "contact length along the vessel", "", length, labels=LABELS_GIVEN, note=why),
    ]


def measure_balls(drawn: Drawn) -> list[Row]:
    """Volumes of balls on their true labels."""
    phantom = drawn.phantom
    found, why = attempt("measure-segments", {"labels": phantom.labels, "volume": phantom.volume})
    names = [segment.name for segment in phantom.labels.segments]
    truths = [phantom.value("volume", name) for name in names]
    return [
        row_of(drawn, found, CORRECTED, name, truth, labels=LABELS_GIVEN, note=why, limit=limit_of_lesion(drawn, truth))
        for name, truth in zip(names, truths, strict=True)
    ]
