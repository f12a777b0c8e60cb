"""What the figures were measured on, without the machine's name."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = ("prosector", "numpy", "numba", "llvmlite", "vtk", "scikit-image", "PyMCubes", "SimpleITK", "dicomsdl")


def describe() -> dict[str, Any]:
    """Processor, cores, memory, load, system and versions."""
    from prosector.kernels._jit import thread_count

    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": thread_count(),
        "memory_gb": _memory_gb(),
        "load": [round(v, 1) for v in os.getloadavg()] if hasattr(os, "getloadavg") else None,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: found for name in PACKAGES if (found := _version(name))},
    }


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or "unknown"


def _memory_gb() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)
    except (AttributeError, ValueError, OSError):
        return None


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""
