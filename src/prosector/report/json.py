"""The report as JSON: the one document that the HTML shows too. docs/reference/report.md explains its keys."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from prosector.atomic import write_text
from prosector.model.geometry import Geometry
from prosector.pipeline.recipes import trace_to_json
from prosector.report.model import MISSING, TITLE, UNSUPERVISED, DraftReport, ReportImage

SCHEMA = "prosector.draft-report"
SCHEMA_VERSION = 1


def report_document(report: DraftReport) -> dict[str, Any]:
    """The report as plain data. Values that were not found are empty strings or null, never left out."""
    source = report.source
    return {
        "schema": SCHEMA,
        "schema_version": SCHEMA_VERSION,
        "title": TITLE,
        "status": {"state": "draft", "supervised": False, "complete": False, "statement": UNSUPERVISED},
        "made_utc": report.trace.started_utc,
        "patient": asdict(source.patient),
        "base_study": {
            **asdict(source.study),
            "modality": source.modality,
            "institution": source.equipment.institution,
        },
        "source_series": _series(report),
        "geometry": _geometry(report.geometry),
        "techniques": [asdict(technique) for technique in report.techniques],
        "structures": [asdict(structure) for structure in report.structures],
        "measurements": [asdict(line) for line in report.measurements],
        "images": [_image(image) for image in report.images],
        "outputs": [asdict(output) for output in report.outputs],
        "limitations": list(report.limitations),
        "workstation": {
            "independent": True,
            "cleared": False,
            "statement": report.workstation,
            "versions": dict(report.trace.versions),
            "machine": dict(report.trace.machine),
        },
        "missing": list(MISSING),
        "trace": trace_to_json(report.trace),
    }


def write_report_json(path: str | Path, report: DraftReport) -> None:
    """Write the report as indented UTF-8 JSON.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    write_text(path, json.dumps(report_document(report), indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def _series(report: DraftReport) -> dict[str, Any]:
    source = report.source
    equipment = asdict(source.equipment)
    del equipment["institution"]
    return {
        "series_instance_uid": source.series_instance_uid,
        "series_number": source.series_number,
        "description": source.description,
        "sop_class_uid": source.sop_class_uid,
        "objects": len(source.sop_instance_uids),
        "frame_of_reference_uid": report.geometry.frame_of_reference_uid,
        "equipment": equipment,
        "acquisition": {**asdict(source.acquisition), "image_type": list(source.acquisition.image_type)},
    }


def _geometry(geometry: Geometry) -> dict[str, Any]:
    return {
        "shape": list(geometry.shape),
        "spacing_mm": list(geometry.spacing_mm),
        "slice_distance_mm": geometry.slice_distance_mm,
        "tilt_degrees": geometry.tilt_degrees,
        "extent_mm": list(geometry.extent_mm),
        "affine_lps": geometry.affine.tolist(),
    }


def _image(image: ReportImage) -> dict[str, Any]:
    rendering = image.rendering
    return {
        "number": image.number,
        "step": image.step,
        "caption": image.caption,
        "files": list(image.files),
        "sha256": image.sha256,
        "method": rendering.method,
        "preset": rendering.preset,
        "size": list(rendering.size),
        "pixel_spacing_mm": rendering.pixel_spacing_mm,
        "letters": dict(rendering.letters),
    }
