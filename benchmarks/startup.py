"""Fresh processes: compile time, time to the first picture, and peak memory above the volume.

``python -m benchmarks.startup NAME TASK`` is such a process; it prints one JSON object.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SIZE = 512
TASKS = ("mip", "volume", "surface", "mesh")
PEERS = ("vtk mip", "vtk volume", "vtk mesh")


def child(dataset: str, task: str, size: int, cache: str | None = None) -> dict[str, float]:
    """Run a task in a fresh process; seconds and megabytes."""
    environment = os.environ | ({"NUMBA_CACHE_DIR": cache} if cache else {})
    command = [sys.executable, "-m", "benchmarks.startup", dataset, task, str(size)]
    started = time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    wall_s = time.perf_counter() - started
    if done.returncode:
        raise RuntimeError(f"{task} ended with {done.returncode}: {done.stderr[-300:]}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found | {"wall_s": wall_s}


def compile_times(dataset: str, size: int, tasks: tuple[str, ...] = TASKS) -> dict[str, dict[str, float]]:
    """First call with an empty cache, and the first call of a second process."""
    found = {}
    for task in tasks:
        with tempfile.TemporaryDirectory() as cache:
            cold = child(dataset, task, size, cache)
            warm = child(dataset, task, size, cache)
        found[task] = {
            "first_call_after_install_s": cold["call_s"],
            "first_call_second_process_s": warm["call_s"],
            "second_process_less_loading_s": warm["wall_s"] - warm["load_s"],
        }
    return found


def peak_memory(dataset: str, size: int, tasks: tuple[str, ...] = TASKS + PEERS) -> dict[str, float]:
    """Megabytes above what the process held with the volume and the libraries loaded."""
    return {task: child(dataset, task, size)["peak_above_mb"] for task in tasks}


def main(dataset: str, task: str, size: int) -> None:
    from benchmarks import scenes

    before = time.perf_counter()
    found = scenes.scene(dataset)
    load_s = time.perf_counter() - before
    run = _task(found, task, size)
    if task.startswith("vtk"):
        import vtkmodules.vtkRenderingVolumeOpenGL2  # noqa: F401 (code is not what is measured)
    _reset_peak()
    held = _status("VmRSS")
    before = time.perf_counter()
    run()
    call_s = time.perf_counter() - before
    print(
        json.dumps(
            {
                "call_s": call_s,
                "load_s": load_s,
                "peak_above_mb": round((_status("VmHWM") - held) / 1024, 1),
            }
        )
    )


def _task(found: Any, task: str, size: int) -> Any:
    from benchmarks import ours

    camera = found.camera("anterior", size)
    if task in ours.DRAW:
        return lambda: ours.DRAW[task](found, camera, size)
    if task == "mesh":
        return lambda: ours.mesh(found)
    from benchmarks import vtk_peers

    if task == "vtk mesh":
        return vtk_peers.flying_edges_run(found)
    view = vtk_peers.VolumeView(found, size, method=task.removeprefix("vtk "))
    return lambda: view.render(camera)


def _reset_peak() -> None:
    """Forget what loading took (Linux)."""
    Path("/proc/self/clear_refs").write_text("5")


def _status(name: str) -> int:
    """Kilobytes."""
    line = next(v for v in Path("/proc/self/status").read_text().splitlines() if v.startswith(name + ":"))
    return int(line.split()[1])


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
