import json
from dataclasses import replace

import numba
import numpy as np
import pytest

from prosector import Volume
from prosector.errors import GeometryError, NoDicomSourceError, OutputError, RecipeError, UsageError
from prosector.model.labels import LabelMap
from prosector.model.mesh import Mesh
from prosector.model.recipe import SOURCE
from prosector.model.source import Source
from prosector.pipeline.export import check_outputs, without_dicom, write_outputs, write_value
from prosector.pipeline.recipes import builtin, parse_recipe, parse_trace, trace_to_json
from prosector.pipeline.run import replay, run, run_operation

RECIPE = {
    "name": "everything",
    "steps": [
        {"id": "body", "operation": "segment-body", "inputs": {"volume": "source"}},
        {"id": "patient", "operation": "keep-inside", "inputs": {"volume": "source", "labels": "body"}},
        {"id": "bone", "operation": "segment-bone", "inputs": {"volume": "source"}},
        {"id": "mesh", "operation": "extract-label-mesh", "inputs": {"labels": "bone"}},
        *(
            {
                "id": method,
                "operation": method,
                "inputs": {"volume": "patient"},
                "parameters": {"azimuth_deg": 30, "elevation_deg": 20, "width": 160, "height": 120},
            }
            for method in ("mip", "minip", "average", "volume", "surface")
        ),
    ],
    "outputs": [
        {"step": "mip", "file": "pictures/mip.png"},
        {"step": "mip", "file": "mip.dcm"},
        {"step": "volume", "file": "volume.dcm"},
        {"step": "bone", "file": "bone.nii.gz"},
        {"step": "bone", "file": "bone.dcm"},
        {"step": "mesh", "file": "bone.stl"},
        {"step": "patient", "file": "patient.nii.gz"},
    ],
}


@pytest.fixture(scope="module")
def result(small_ct):
    return run(small_ct, parse_recipe(RECIPE))


def test_the_trace_holds_every_parameter_and_hash(result):
    for step in result.trace.steps:
        assert len(step.output_sha256) == 64
        assert all(len(sha) == 64 for _, sha in step.inputs.values())
        assert None not in [v for k, v in step.parameters.items() if k != "view"]
    mip = next(s for s in result.trace.steps if s.id == "mip")
    assert mip.parameters["preset"].startswith("ct-")
    assert mip.parameters["window_width"] > 0
    patient = next(s for s in result.trace.steps if s.id == "patient")
    assert mip.inputs["volume"] == ("patient", patient.output_sha256)
    assert {"prosector", "numpy", "numba", "vtk", "python"} <= set(result.trace.versions)


def test_the_trace_survives_json(result):
    assert parse_trace(json.loads(json.dumps(trace_to_json(result.trace)))) == result.trace


@pytest.mark.parametrize("threads", [1, 2])
def test_running_the_trace_again_gives_the_same_bytes(result, small_ct, threads):
    before = numba.get_num_threads()
    numba.set_num_threads(threads)
    try:
        assert replay(small_ct, result.trace) == ()
    finally:
        numba.set_num_threads(before)


def test_replay_names_the_first_thing_that_differs(result, small_ct):
    voxels = small_ct.voxels.copy()
    voxels[20, 20, 20] += 1
    changed = Volume(voxels, small_ct.geometry, small_ct.unit, small_ct.source)
    assert replay(changed, result.trace)[0].step == SOURCE
    steps = tuple(replace(s, output_sha256="0" * 64) if s.id == "mip" else s for s in result.trace.steps)
    assert [m.step for m in replay(small_ct, replace(result.trace, steps=steps))] == ["mip"]


def test_every_output_is_written_and_nothing_else(result, tmp_path):
    written = write_outputs(result, tmp_path)
    assert {str(p.relative_to(tmp_path)) for p in written} == {o["file"] for o in RECIPE["outputs"]}
    assert {p for p in tmp_path.rglob("*") if p.is_file()} == set(written)
    assert all(p.stat().st_size > 0 for p in written)


def test_derived_dicom_of_one_run_shares_series_and_numbers_its_instances(result, tmp_path):
    import pydicom

    write_outputs(result, tmp_path)
    mip, volume, bone = (pydicom.dcmread(tmp_path / f"{n}.dcm") for n in ("mip", "volume", "bone"))
    assert mip.SeriesInstanceUID == volume.SeriesInstanceUID != bone.SeriesInstanceUID
    assert mip.InstanceNumber != volume.InstanceNumber
    assert mip.StudyInstanceUID == bone.StudyInstanceUID == result.source.source.study.instance_uid
    assert "not made under physician supervision" in mip.DerivationDescription.lower()


def test_writing_again_gives_the_same_bytes(result, tmp_path):
    first = [p.read_bytes() for p in write_outputs(result, tmp_path / "one")]
    second = [p.read_bytes() for p in write_outputs(result, tmp_path / "two")]
    assert first == second


def test_endings_are_checked_before_the_work():
    wrong = parse_recipe({**RECIPE, "outputs": [{"step": "mip", "file": "mip.stl"}]})
    with pytest.raises(UsageError, match=r"\.png, \.dcm"):
        check_outputs(wrong)


def test_derived_dicom_needs_a_dicom_source(small_ct, tmp_path):
    orphan = Volume(small_ct.voxels, small_ct.geometry, small_ct.unit, Source())
    step = {**RECIPE["steps"][4], "inputs": {"volume": "source"}}
    recipe = parse_recipe({"name": "x", "steps": [step], "outputs": [{"step": "mip", "file": "m.dcm"}]})
    with pytest.raises(NoDicomSourceError):
        write_outputs(run(orphan, recipe), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_an_output_error(result, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        write_value(tmp_path / "file" / "mip.png", result.values["mip"])


def test_one_operation_runs_with_the_same_checks(small_ct):
    mesh = run_operation("extract-mesh", {"volume": small_ct}, level=300)
    assert isinstance(mesh, Mesh)
    assert mesh.volume_mm3 > 0
    with pytest.raises(RecipeError, match="needs input 'volume'"):
        run_operation("extract-mesh", {}, level=300)


def test_an_interrupted_run_leaves_the_caller_the_exception(small_ct):
    def stop(what, fraction):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(small_ct, parse_recipe(RECIPE), stop)


def test_the_bone_recipe_removes_the_table(small_ct):
    trimmed = builtin("bone-ct")
    steps = tuple(s for s in trimmed.steps if s.operation in ("segment-body", "keep-inside", "segment-bone"))
    values = run(small_ct, replace(trimmed, steps=steps, outputs=())).values
    assert values["patient"].voxels[:, 42, 28].max() < -900
    assert np.count_nonzero(values["bone"].labels[:, 42, :]) == 0


WITH_LABELS = {
    "name": "given labels",
    "inputs": {"drawn": "LabelMap"},
    "steps": [{"id": "patient", "operation": "keep-inside", "inputs": {"volume": "source", "labels": "drawn"}}],
}


@pytest.fixture(scope="module")
def drawn(small_ct):
    return run_operation("segment-body", {"volume": small_ct})


def test_given_labels_are_in_the_trace_and_run_again(small_ct, drawn):
    result = run(small_ct, parse_recipe(WITH_LABELS), given={"drawn": drawn})
    trace = parse_trace(json.loads(json.dumps(trace_to_json(result.trace))))
    assert trace == result.trace
    assert trace.inputs == {"drawn": ("LabelMap", trace.steps[0].inputs["labels"][1])}
    assert replay(small_ct, trace, given={"drawn": drawn}) == ()
    other = replace(drawn, labels=1 - drawn.labels)
    assert [m.step for m in replay(small_ct, trace, given={"drawn": other})] == ["drawn"]


def test_a_recipe_is_given_exactly_what_it_takes(small_ct, drawn):
    with pytest.raises(RecipeError, match=r"takes inputs \['drawn'\]; given were \[\]"):
        run(small_ct, parse_recipe(WITH_LABELS))
    with pytest.raises(RecipeError, match="is a LabelMap; found Volume"):
        run(small_ct, parse_recipe(WITH_LABELS), given={"drawn": small_ct})
    small = LabelMap(drawn.labels[1:], replace(drawn.geometry, shape=drawn.labels[1:].shape), drawn.segments)
    with pytest.raises(GeometryError, match="'drawn'"):
        run(small_ct, parse_recipe(WITH_LABELS), given={"drawn": small})
    odd = {**WITH_LABELS, "inputs": {"drawn": "Drawing"}}
    with pytest.raises(RecipeError, match="is one of Volume, LabelMap"):
        run(small_ct, parse_recipe(odd), given={"drawn": drawn})


def test_without_a_dicom_source_the_other_outputs_remain(small_ct):
    recipe = parse_recipe(RECIPE)
    assert without_dicom(recipe, small_ct) == (recipe, ())
    kept, left_out = without_dicom(recipe, replace(small_ct, source=Source(modality="CT")))
    assert left_out == ("mip.dcm", "volume.dcm", "bone.dcm")
    assert [o.file for o in kept.outputs] == ["pictures/mip.png", "bone.nii.gz", "bone.stl", "patient.nii.gz"]
