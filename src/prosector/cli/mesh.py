"""``prosector mesh``: a surface as a file for planning and printing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from prosector.atomic import require_writable
from prosector.cli.console import PATH, Chosen, progress_bar, source_options
from prosector.errors import EmptyResultError

if TYPE_CHECKING:
    from prosector.model.labels import LabelMap
    from prosector.model.mesh import Mesh
    from prosector.model.volume import Volume

SMOOTH_ITERATIONS = 20


@click.command()
@source_options
@click.option("--level-hu", type=float, help="Surface at this value (HU for CT, the modality's unit otherwise).")
@click.option("--segmentation", type=PATH, metavar="FILE", help="Surface of a segmentation: .nii.gz or .dcm.")
@click.option("--smooth", is_flag=True, help=f"Smooth the triangles ({SMOOTH_ITERATIONS} windowed-sinc passes).")
@click.option("--reduce", "fraction", type=click.FloatRange(0, 0.99), default=0.0, help="Share of triangles to remove.")
@click.option("--out", type=PATH, required=True, metavar="FILE", help=".stl, .ply or .vtp, in LPS millimetres.")
def command(
    chosen: Chosen,
    level_hu: float | None,
    segmentation: Path | None,
    smooth: bool,
    fraction: float,
    out: Path,
) -> None:
    """Extract a surface from the series under PATH."""
    from prosector.model.mesh import Mesh
    from prosector.pipeline.export import ending_of, write_value

    if (level_hu is None) == (segmentation is None):
        raise click.UsageError("give either --level-hu or --segmentation")
    ending_of(Mesh, out)
    require_writable(out)
    with progress_bar() as progress:
        volume = chosen.load(progress)
        progress("extracting the surface", 0.5)
        mesh = _extract(volume, level_hu, segmentation, SMOOTH_ITERATIONS if smooth else 0, fraction)
        write_value(out, mesh)
    click.echo(str(out))
    click.echo(
        f"{len(mesh.faces)} triangles, {len(mesh.vertices_lps)} vertices, "
        f"area {mesh.area_mm2 / 100:.1f} cm², volume {mesh.volume_mm3 / 1000:.1f} ml; LPS mm"
    )


def _extract(
    volume: Volume, level_hu: float | None, segmentation: Path | None, iterations: int, fraction: float
) -> Mesh:
    from prosector.model.mesh import Mesh
    from prosector.pipeline.run import run_operation

    finish = {"smooth_iterations": iterations, "reduce_fraction": fraction}
    if segmentation is None:
        mesh = run_operation("extract-mesh", {"volume": volume}, level=level_hu, **finish)
    else:
        mesh = run_operation("extract-label-mesh", {"labels": _labels(segmentation, volume)}, **finish)
    assert isinstance(mesh, Mesh)
    if not len(mesh.faces):
        raise EmptyResultError("nothing is left of the surface; try another level or a smaller --reduce")
    return mesh


def _labels(file: Path, volume: Volume) -> LabelMap:
    if file.suffix.lower() in (".nii", ".gz"):
        from prosector.exchange.nifti import read_labels_nifti

        return read_labels_nifti(file, volume.geometry)
    from prosector.dicom.segmentation_object import read_segmentation

    return read_segmentation(file, volume.geometry)
