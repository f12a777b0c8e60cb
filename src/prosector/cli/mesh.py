"""``prosector mesh``: a surface as a file for planning and printing."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from prosector.atomic import require_writable
from prosector.cli.console import PATH, Chosen, progress_bar, source_options

if TYPE_CHECKING:
    from prosector.model.mesh import Mesh
    from prosector.model.volume import Volume

SMOOTH_ITERATIONS = 20

_SPACE_HELP = "Coordinates of the file: LPS as in DICOM, or RAS."


@click.command()
@source_options
@click.option("--level-hu", type=float, help="Surface at this value (HU for CT, the modality's unit otherwise).")
@click.option("--segmentation", type=PATH, metavar="FILE", help="Surface of labels: .nii.gz, .seg.nrrd or .dcm.")
@click.option("--each", is_flag=True, help="A file for each segment; those that touch share their border.")
@click.option("--open", "is_open", is_flag=True, help="With --level-hu: leave the surface open where the volume ends.")
@click.option("--smooth", is_flag=True, help=f"Smooth the triangles ({SMOOTH_ITERATIONS} windowed-sinc passes).")
@click.option("--reduce", "fraction", type=click.FloatRange(0, 0.99), default=0.0, help="Share of triangles to remove.")
@click.option("--space", type=click.Choice(["LPS", "RAS"]), default="LPS", show_default=True, help=_SPACE_HELP)
@click.option("--check", "checked", is_flag=True, help="Say whether it can be printed; exit 1 if it cannot.")
@click.option(
    "--minimum-wall",
    type=click.FloatRange(0.01),
    default=1.0,
    show_default=True,
    metavar="MM",
    help="With --check: walls thinner than this are counted.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.option("--out", type=PATH, required=True, metavar="FILE", help=".stl, .ply, .obj, .vtp or .glb; millimetres.")
def command(
    chosen: Chosen,
    level_hu: float | None,
    segmentation: Path | None,
    out: Path,
    space: str,
    **options: Any,
) -> None:
    """Extract a surface from the series under PATH."""
    from prosector.surface.files import MESH_ENDINGS, write_mesh

    if (level_hu is None) == (segmentation is None):
        raise click.UsageError("give either --level-hu or --segmentation")
    if segmentation is None and options["each"]:
        raise click.UsageError("--each needs --segmentation")
    if segmentation is not None and options["is_open"]:
        raise click.UsageError("--open needs --level-hu; a segmentation is closed everywhere")
    if not out.name.lower().endswith(MESH_ENDINGS):  # DICOM asks for a recipe's trace
        raise click.UsageError(f"{out.name}: a mesh is written as {', '.join(MESH_ENDINGS)}")
    require_writable(out)
    with progress_bar() as progress:
        volume = chosen.load(progress)
        progress("extracting the surface", 0.5)
        meshes = _extract(volume, level_hu, segmentation, options)
        files = _files(out, list(meshes))
        for file, mesh in zip(files, meshes.values(), strict=True):
            write_mesh(file, mesh, space=space)
    findings = [_finding(file, mesh, space, options) for file, mesh in zip(files, meshes.values(), strict=True)]
    if options["as_json"]:
        click.echo(json.dumps(findings, indent=2))
    if not all(finding.get("is_printable", True) for finding in findings):
        sys.exit(1)


def _files(out: Path, segments: list[str]) -> list[Path]:
    """A file for each segment, its name in plain letters behind that of ``--out``; "" stands for the only one."""
    files: list[Path] = []
    for number, segment in enumerate(segments, start=1):
        plain = re.sub(r"[^a-z0-9]+", "-", segment.lower()).strip("-")
        file = out.with_name(f"{out.stem}-{plain}{out.suffix}") if segment else out
        files.append(out.with_name(f"{out.stem}-{plain}-{number}{out.suffix}") if file in files else file)
    return files


def _finding(file: Path, mesh: Mesh, space: str, options: dict[str, Any]) -> dict[str, Any]:
    """Print what was made, in words unless JSON is wanted, and return it."""
    from prosector.surface.printability import check

    words = [
        str(file),
        f"{len(mesh.faces)} triangles, {len(mesh.vertices_lps)} vertices, "
        f"area {mesh.area_mm2 / 100:.1f} cm², volume {mesh.volume_mm3 / 1000:.1f} ml; {space} mm",
    ]
    finding: dict[str, Any] = {
        "file": str(file),
        "space": space,
        "triangles": len(mesh.faces),
        "area_mm2": mesh.area_mm2,
        "volume_mm3": mesh.volume_mm3,
    }
    if options["checked"]:
        result = check(mesh, options["minimum_wall"])
        finding |= result.as_dict()
        words += result.lines()
    if not options["as_json"]:
        click.echo("\n".join(words))
    return finding


def _extract(
    volume: Volume, level_hu: float | None, segmentation: Path | None, options: dict[str, Any]
) -> dict[str, Mesh]:
    """Meshes by name of segment; the name is empty where there is one mesh only."""
    from prosector.model.mesh import Mesh
    from prosector.pipeline.run import run_operation
    from prosector.pipeline.shapes import extract_each
    from prosector.pipeline.source import read_labels

    finish = {
        "smooth_iterations": SMOOTH_ITERATIONS if options["smooth"] else 0,
        "reduce_fraction": options["fraction"],
    }
    if segmentation is None:
        closed = not options["is_open"]
        mesh = run_operation("extract-mesh", {"volume": volume}, level=level_hu, closed=closed, **finish)
    elif options["each"]:
        return extract_each(read_labels(segmentation, volume), finish)
    else:
        mesh = run_operation("extract-label-mesh", {"labels": read_labels(segmentation, volume)}, **finish)
    assert isinstance(mesh, Mesh)
    return {"": mesh}
