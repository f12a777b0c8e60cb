"""The segmentation and mesh operations, as OPERATIONS calls them: ``function(inputs, settings) -> value``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from prosector.model.labels import LabelMap
from prosector.model.mesh import Mesh
from prosector.model.volume import Volume

Inputs = Mapping[str, Any]
Settings = dict[str, Any]


def segment(target: str, inputs: Inputs, settings: Settings) -> LabelMap:
    """Segment one target."""
    from prosector.segmentation.body import segment_body
    from prosector.segmentation.bone import segment_bone
    from prosector.segmentation.lungs import segment_air, segment_lungs
    from prosector.segmentation.metal import segment_metal

    functions = {
        "body": segment_body,
        "bone": segment_bone,
        "lungs": segment_lungs,
        "air": segment_air,
        "metal": segment_metal,
    }
    find: Callable[..., LabelMap] = functions[target]
    return find(inputs["volume"], **settings)


def keep_labels(inputs: Inputs, settings: Settings) -> Volume:
    """Remove from the volume what is not in the labels."""
    from prosector.segmentation.mask import keep_inside

    return keep_inside(inputs["volume"], inputs["labels"], **settings)


def take_bone_out(inputs: Inputs, settings: Settings) -> Volume:
    """Remove bone from an angiogram."""
    from prosector.segmentation.bone_removal import remove_bone

    return remove_bone(inputs["volume"], inputs["labels"], vessels=inputs.get("vessels"), **settings)


def extract_from_volume(inputs: Inputs, settings: Settings) -> Mesh:
    """Isosurface of a volume."""
    from prosector.surface.extract import extract_mesh

    return _finished(extract_mesh(inputs["volume"], settings["level"], closed=settings["closed"]), settings)


def extract_from_labels(inputs: Inputs, settings: Settings) -> Mesh:
    """Surface of a segmentation, or of one segment of it."""
    from prosector.segmentation.merging import keep_segments
    from prosector.surface.extract import extract_label_mesh

    labels: LabelMap = inputs["labels"]
    if settings["segment"]:
        labels = keep_segments(labels, [settings["segment"]])
    return _finished(extract_label_mesh(labels), settings)


def extract_each(labels: LabelMap, settings: Settings) -> dict[str, Mesh]:
    """Surfaces of all segments by name, with shared borders; reduced ones share them no longer."""
    from prosector.surface.labels import extract_label_meshes
    from prosector.surface.process import SMOOTHING_ITERATIONS, reduce_mesh

    iterations = SMOOTHING_ITERATIONS + settings["smooth_iterations"]
    meshes = extract_label_meshes(labels, iterations=iterations)
    fraction = settings["reduce_fraction"]
    return {name: reduce_mesh(mesh, fraction) if fraction else mesh for name, mesh in meshes.items()}


def _finished(mesh: Mesh, settings: Settings) -> Mesh:
    from prosector.surface.process import reduce_mesh, smooth_mesh

    if settings["smooth_iterations"]:
        mesh = smooth_mesh(mesh, iterations=settings["smooth_iterations"])
    return reduce_mesh(mesh, settings["reduce_fraction"]) if settings["reduce_fraction"] else mesh
