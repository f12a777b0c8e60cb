"""What came out, as JSON, Markdown and a plot."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from benchmarks import meshes, vtk_peers
from benchmarks.ours import INTERACTIVE, OURS
from prosector.atomic import write_text

AIMS = (
    ("MIP `still`", "mip, steady", OURS, vtk_peers.FIXED_POINT, 2.0),
    ("MIP `interactive`", "mip, steady", INTERACTIVE, vtk_peers.FIXED_POINT, 5.0),
    ("volume rendering `still`, shaded, bone", "volume, steady", OURS, vtk_peers.FIXED_POINT, 1.5),
    ("first volume-rendered frame", "volume, first frame", OURS, vtk_peers.FIXED_POINT, 10.0),
    ("mesh with normals", "mesh", OURS, meshes.FLYING_EDGES, 1.5),
    ("mesh with normals", "mesh", OURS, meshes.SKIMAGE, 12.0),
    ("rotating MIP to MP4", "cine", OURS, vtk_peers.FIXED_POINT, 3.0),
    ("bone", "bone", OURS, "SimpleITK, the same steps", 3.0),
    ("vesselness, three scales", "vesselness", OURS, "skimage.filters.frangi", 4.0),
    (
        "vesselness, three scales",
        "vesselness",
        OURS,
        "SimpleITK: recursive Gaussian derivatives, ObjectnessMeasure",
        2.0,
    ),
    ("load, uncompressed", "load, native", OURS, "SimpleITK", 2.5),
    ("load, uncompressed", "load, native", OURS, "dicomsdl", 1.0),
    ("load, JPEG lossless", "load, JPEG lossless", OURS, "SimpleITK", 1.7),
    ("load, JPEG 2000", "load, JPEG 2000", OURS, "SimpleITK", 1.7),
    ("load, JPEG-LS", "load, JPEG-LS", OURS, "SimpleITK", 1.7),
    ("load, RLE", "load, RLE", OURS, "SimpleITK", 1.7),
)
"""What is aimed at: words, case, which of ours, against whom, times as fast."""

TIME_HEAD = ("case", "size", "view", "who", "median ms", "least", "most", "times ours")
AIM_SIZE = 512
BAR = 340
ROW = 18


def aims(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The aims with the ratios of medians that were measured: geometric mean over the views, and the worst."""
    sizes = {r["size"] for r in results if r["size"]}
    size = AIM_SIZE if AIM_SIZE in sizes or not sizes else max(sizes)
    found = []
    for words, case, ours, peer, aim in AIMS:
        rows = [r["medians"] for r in results if r["case"] == case and r["size"] in (size, None)]
        ratios = [row[peer] / row[ours] for row in rows if ours in row and peer in row]
        if ratios:
            mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
            found.append({"what": words, "against": peer, "aim": aim, "ratio": mean, "worst": min(ratios)})
    return found


def write(found: dict[str, Any], folder: Path) -> None:
    """Write benchmarks.json, benchmarks.md and benchmarks.svg."""
    found = found | {"aims": aims(found["results"])}
    write_text(folder / "benchmarks.json", json.dumps(found, indent=1) + "\n")
    write_text(folder / "benchmarks.md", markdown(found))
    write_text(folder / "benchmarks.svg", plot(found["results"]))


def markdown(found: dict[str, Any]) -> str:
    """Everything as tables."""
    machine = found["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    scene = found["scene"]
    parts = [
        "# Benchmarks",
        f"{machine['processor']}, {machine['cores']} cores, {machine['threads']} threads used, "
        f"{machine['memory_gb']} GB, {machine['system']}, Python {machine['python']}; {versions}. "
        f"Load of the machine before and after (1, 5, 15 minutes): {machine['load']}, {found['load_after']}.",
        f"Volume: {scene['name']}, {'×'.join(map(str, scene['shape']))} {scene['type']}, spacing "
        f"{'×'.join(f'{v:.3g}' for v in scene['spacing_mm'])} mm, samples every {scene['step_mm']:.3g} mm. "
        f"Medians of {found['rounds']} rounds in which all take turns, after one that warms up.",
        f"One pass over the voxels ({found['floor']['what']}): {found['floor']['seconds'] * 1000:.1f} ms.",
        "## Aims",
        table(
            ("", "against", "aim", "measured", "worst view or series"),
            ((a["what"], a["against"], f"{a['aim']:g}×", f"{a['ratio']:.2f}×", f"{a['worst']:.2f}×")
             for a in aims(found["results"])),
        ),
        "## Times",
        table(TIME_HEAD, _time_rows(found["results"])),
        "## Do they show the same?",
        "Mean absolute difference in 8-bit levels, and structural similarity (1 is the same), to our still picture.",
        table(("case", "size", "view", "who", "difference", "SSIM"), _picture_rows(found["results"])),
        *_fresh(found),
    ]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def table(head: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    """A Markdown table."""
    head = list(head)
    lines = [head, ["---"] * len(head), *([str(cell) for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _time_rows(results: list[dict[str, Any]]) -> Iterable[tuple[Any, ...]]:
    for row in results:
        for who, median in row["medians"].items():
            seconds = [1000 * v for v in row["seconds"][who]]
            ratio = f"{median / row['medians'][OURS]:.2f}"
            spread = (f"{1000 * median:.1f}", f"{min(seconds):.1f}", f"{max(seconds):.1f}")
            yield row["case"], row["size"] or "", row["view"], who, *spread, ratio


def _picture_rows(results: list[dict[str, Any]]) -> Iterable[tuple[Any, ...]]:
    for row in results:
        for who, like in row.get("compared", {}).items():
            if "vertices" in like:
                yield row["case"], "", "", who, f"{like['vertices']} vertices", f"{like['triangles']} triangles"
            else:
                yield row["case"], row["size"], row["view"], who, like["mean_difference_levels"], like["ssim"]


def _fresh(found: dict[str, Any]) -> list[str]:
    parts = []
    if found.get("compile"):
        head = ("task", "first call after install, s", "first call of a second process, s",
                "whole second process less loading, s")  # fmt: skip
        rows = ((task, *(f"{v:.2f}" for v in row.values())) for task, row in found["compile"].items())
        parts += ["## Compile time", table(head, rows)]
    if found.get("memory"):
        memory = found["memory"]
        ours = [task for task in memory if not task.startswith("vtk ")]
        rows = ((t, f"{memory[t]:.0f}", f"{memory[p]:.0f}" if (p := f"vtk {t}") in memory else "") for t in ours)
        parts += ["## Peak memory above the loaded volume, MB", table(("task", "prosector", "VTK"), rows)]
    return parts


def plot(results: list[dict[str, Any]]) -> str:
    """Bars of the medians; each case on a scale of its own."""
    lines, y = [], 10
    for row in results:
        title = " ".join(str(v) for v in (row["case"], row["size"] or "", row["view"]) if v)
        y += ROW
        lines.append(f'<text x="8" y="{y}" font-weight="bold">{escape(title)}</text>')
        longest = max(row["medians"].values())
        for who, median in row["medians"].items():
            y += ROW
            width = max(1.0, BAR * median / longest)
            color = "#d9622b" if who.startswith(OURS) else "#7c93a3"
            lines.append(f'<text x="260" y="{y}" text-anchor="end">{escape(who)}</text>')
            lines.append(f'<rect x="268" y="{y - 11}" width="{width:.1f}" height="13" fill="{color}"/>')
            lines.append(f'<text x="{274 + width:.1f}" y="{y}">{1000 * median:.1f} ms</text>')
        y += 6
    size = f'width="700" height="{y + 20}" font-family="sans-serif" font-size="12"'
    return (
        "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" {size}>',
                '<rect width="100%" height="100%" fill="white"/>',
                *lines,
                "</svg>",
            ]
        )
        + "\n"
    )
