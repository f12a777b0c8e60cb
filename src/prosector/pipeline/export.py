"""Values to files: the ending of the name says the format."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from prosector.errors import UsageError
from prosector.model.centerlines import Centerlines
from prosector.model.cine import Cine
from prosector.model.digest import canonical_json
from prosector.model.labels import LabelMap
from prosector.model.measurement import Measurements
from prosector.model.mesh import Mesh
from prosector.model.progress import Progress, silent
from prosector.model.recipe import SOURCE, Output, Recipe, Trace
from prosector.model.rendering import Rendering
from prosector.model.volume import Volume
from prosector.pipeline.objects import IMAGE, PLAIN, VIEW, Provenance, build_object, check_form
from prosector.pipeline.operation import Value
from prosector.pipeline.operations import OPERATIONS
from prosector.pipeline.run import Result

ENDINGS: Mapping[type, tuple[str, ...]] = {
    Rendering: (".png", PLAIN, IMAGE, VIEW),
    Cine: (".mp4", ".gif", PLAIN, ".frames"),
    LabelMap: (".nii.gz", ".seg.nrrd", PLAIN),
    Mesh: (".stl", ".ply", ".obj", ".vtp", ".glb", PLAIN),
    Volume: (".nii.gz",),
    Measurements: (".json", ".csv", ".png", ".svg", PLAIN),
    Centerlines: (".json", ".vtp"),
}
"""What each kind of value can be written as; ``.frames`` is a folder of PNG files.

``.dcm`` is the object that fits the kind (secondary capture, segmentation, encapsulated STL, structured report);
``.image.dcm`` a grey projection's values as a CT or MR image; ``.view.dcm`` its presentation state.
"""

_KIND_WORDS = {
    Rendering: "a picture",
    Cine: "a cine",
    LabelMap: "a segmentation",
    Mesh: "a mesh",
    Volume: "a volume",
    Measurements: "a table of measurements",
    Centerlines: "a centreline",
}


def ending_of(kind: type, file: str | Path) -> str:
    """The ending that says the format, or UsageError with those that this kind of value has."""
    fitting = [ending for ending in ENDINGS[kind] if str(file).lower().endswith(ending)]
    if fitting:
        return max(fitting, key=len)
    raise UsageError(f"{Path(file).name}: {_KIND_WORDS[kind]} is written as {', '.join(ENDINGS[kind])}")


def check_outputs(recipe: Recipe) -> None:
    """Raise UsageError before anything is computed if an output's ending does not fit its step."""
    kinds = {step.id: OPERATIONS[step.operation].output for step in recipe.steps}
    for output in recipe.outputs:
        check_form(recipe, output, ending_of(kinds.get(output.step, Volume), output.file))


def without_dicom(recipe: Recipe, source: Volume) -> tuple[Recipe, tuple[str, ...]]:
    """The recipe without the DICOM objects that cannot be made of a source that is none, and their names."""
    if source.source.is_dicom:
        return recipe, ()
    kept = tuple(o for o in recipe.outputs if not o.file.lower().endswith(".dcm"))
    return replace(recipe, outputs=kept), tuple(o.file for o in recipe.outputs if o not in kept)


def write_outputs(result: Result, folder: str | Path, progress: Progress = silent) -> tuple[Path, ...]:
    """Write every output of a run into a folder, each atomically.

    Returns
    -------
    tuple of Path
        The files, in the order of the recipe's outputs.
    """
    written = []
    for n, output in enumerate(result.trace.outputs):
        progress(f"writing {output.file}", n / len(result.trace.outputs))
        value = result.source if output.step == SOURCE else result.values[output.step]
        path = Path(folder) / output.file
        write_value(path, value, provenance_of(result, output))
        written.append(path)
    progress("done", 1.0)
    return tuple(written)


def provenance_of(result: Result, output: Output) -> Provenance:
    """What a derived DICOM object of this output is to say."""
    chain = result.trace.chain(output.step)
    words = " ".join(OPERATIONS[s.operation].words(s.parameters) for s in chain)
    same = [o for o in result.trace.outputs if _form(result, o) == _form(result, output)]
    return Provenance(
        source=result.source,
        title=result.trace.recipe,
        trace_sha256=trace_sha256(result.trace),
        words=words,
        created=datetime.fromisoformat(result.trace.started_utc),
        instance_number=same.index(output) + 1,
        supervised=result.trace.supervised,
        settings=chain[-1].parameters if chain else {},
    )


def _form(result: Result, output: Output) -> tuple[type, str]:
    """Kind and ending of an output: instances of one series are numbered through."""
    kind = Volume if output.step == SOURCE else type(result.values[output.step])
    return kind, ending_of(kind, output.file)


def trace_sha256(trace: Trace) -> str:
    """Identity of what was computed: source, operations, parameters and outputs; not when or how fast."""
    steps = [[s.id, s.operation, dict(s.parameters), s.output_sha256] for s in trace.steps]
    return hashlib.sha256(canonical_json([trace.source_sha256, steps]).encode()).hexdigest()


def write_value(path: str | Path, value: Value, provenance: Provenance | None = None) -> None:
    """Write one value; the ending says the format (:data:`ENDINGS`).

    Raises
    ------
    UsageError
        If the ending does not fit the kind of value, or DICOM is asked for without provenance.
    NoDicomSourceError
        If derived DICOM is asked for and the source is not DICOM.
    ParameterError
        If the value cannot be told as the object that is asked for.
    OutputError
        If the file cannot be written.
    """
    ending = ending_of(type(value), path)
    if ending in (PLAIN, IMAGE, VIEW):
        if provenance is None:
            raise UsageError(f"{Path(path).name}: a DICOM object needs the provenance of what it shows")
        from prosector.dicom.derived import write_dicom

        write_dicom(path, build_object(value, ending, provenance))
    elif isinstance(value, Rendering):
        from prosector.rendering.png import write_png

        write_png(path, value)
    elif isinstance(value, Cine):
        from prosector.rendering import video

        {".mp4": video.write_mp4, ".gif": video.write_gif, ".frames": video.write_frames}[ending](path, value)
    elif isinstance(value, Mesh):
        from prosector.surface.files import write_mesh

        write_mesh(path, value)
    elif isinstance(value, LabelMap):
        from prosector.exchange.nifti import write_labels_nifti
        from prosector.exchange.nrrd_segmentation import write_labels_seg_nrrd

        (write_labels_seg_nrrd if ending == ".seg.nrrd" else write_labels_nifti)(path, value)
    elif isinstance(value, Measurements):
        from prosector.exchange.measurements import write_measurements
        from prosector.rendering.plots import write_plot

        write = write_plot if ending in (".png", ".svg") else write_measurements
        write(path, value)
    elif isinstance(value, Centerlines):
        from prosector.exchange.centerlines import write_centerlines
        from prosector.surface.centerlines import write_centerlines_vtp

        (write_centerlines_vtp if ending == ".vtp" else write_centerlines)(path, value)
    else:
        from prosector.exchange.nifti import write_volume_nifti

        write_volume_nifti(path, value)
