"""Prosector: medical 3D post-processing of CT and MR.

Not cleared for diagnosis by any regulator. Names are imported when first used, so that
``import prosector`` and ``prosector --help`` stay quick.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from prosector._version import __version__

if TYPE_CHECKING:
    from prosector.dicom.read import read_series as read_series
    from prosector.dicom.scan import scan as scan
    from prosector.model.camera import Camera as Camera
    from prosector.model.camera import fit_camera as fit_camera
    from prosector.model.cine import Cine as Cine
    from prosector.model.geometry import Geometry as Geometry
    from prosector.model.labels import LabelMap as LabelMap
    from prosector.model.mesh import Mesh as Mesh
    from prosector.model.recipe import Recipe as Recipe
    from prosector.model.rendering import Rendering as Rendering
    from prosector.model.transfer import TransferFunction as TransferFunction
    from prosector.model.volume import Volume as Volume
    from prosector.model.window import Window as Window
    from prosector.pipeline.export import write_value as write_value
    from prosector.pipeline.run import run as run
    from prosector.pipeline.run import run_operation as run_operation
    from prosector.pipeline.source import read_labels as read_labels
    from prosector.pipeline.source import read_volume as read_volume
    from prosector.rendering.renderer import Renderer as Renderer

_HOMES = {
    "Camera": "prosector.model.camera",
    "Cine": "prosector.model.cine",
    "Geometry": "prosector.model.geometry",
    "LabelMap": "prosector.model.labels",
    "Mesh": "prosector.model.mesh",
    "Recipe": "prosector.model.recipe",
    "Renderer": "prosector.rendering.renderer",
    "Rendering": "prosector.model.rendering",
    "TransferFunction": "prosector.model.transfer",
    "Volume": "prosector.model.volume",
    "Window": "prosector.model.window",
    "fit_camera": "prosector.model.camera",
    "read_labels": "prosector.pipeline.source",
    "read_series": "prosector.dicom.read",
    "read_volume": "prosector.pipeline.source",
    "run": "prosector.pipeline.run",
    "run_operation": "prosector.pipeline.run",
    "scan": "prosector.dicom.scan",
    "write_value": "prosector.pipeline.export",
}

__all__ = ["__version__", *sorted(_HOMES)]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'prosector' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
