"""The rooms of the house: who may import whom, and which room may use which package.

The test reads the imports with ``ast``, those inside functions and ``TYPE_CHECKING`` blocks included:
an arrow that runs the wrong way is wrong wherever it is written.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src" / "prosector"

GROUND = {"errors", "atomic", "_version"}
VALUES = GROUND | {"model"}
SCENE_ROOMS = {"dicom", "exchange", "segmentation", "rendering", "surface", "measurement", "datasets"}
PIPELINE = VALUES | SCENE_ROOMS
MAY_IMPORT = {
    "_version": set(),
    "errors": set(),
    "atomic": {"errors"},
    "model": GROUND,
    "kernels": set(),
    **{room: VALUES | {"kernels"} for room in SCENE_ROOMS},
    "pipeline": PIPELINE | {"kernels"},  # the number of threads goes into the trace
    "acceptance": PIPELINE | {"pipeline", "kernels"},  # it states how many threads it ran on
    "case": PIPELINE | {"pipeline"},
    "report": PIPELINE | {"pipeline", "case"},
    "network": PIPELINE | {"pipeline", "case", "report"},
    "cli": PIPELINE | {"pipeline", "acceptance", "case", "report", "network"},
    # The public names and ``python -m prosector``; no room may import them.
    "__init__": PIPELINE | {"pipeline"},
    "__main__": {"cli"},
}

MAY_USE = {
    "numba": {"kernels"},
    "llvmlite": {"kernels"},  # numba's own intermediate language, for instructions that it has no name for
    "pydicom": {"dicom", "datasets", "network"},
    "pynetdicom": {"network"},
    "dicomweb_client": {"network"},
    "requests": {"network"},
    "pydantic": {"report"},
    "reportlab": {"report"},
    "cryptography": {"case"},
    "filelock": {"case"},
    "rfc3161_client": {"case"},
    "highdicom": {"dicom"},
    "imagecodecs": {"dicom"},
    "nibabel": {"exchange"},
    "vtkmodules": {"surface"},
    "skimage": {"segmentation", "surface", "measurement"},
    "scipy": {"segmentation", "measurement", "datasets"},
    "PIL": {"rendering"},
    "matplotlib": {"rendering"},
    "av": {"rendering"},
    "jinja2": {"report"},
    "pooch": {"datasets"},
    "click": {"cli"},
    "rich": {"cli"},
    "numpy": set(MAY_IMPORT) - GROUND,
}

HEAVY = [
    "numpy",
    "numba",
    "scipy",
    "skimage",
    "vtkmodules",
    "pydicom",
    "highdicom",
    "nibabel",
    "PIL",
    "jinja2",
    "matplotlib",
    "pydantic",
    "reportlab",
    "cryptography",
]


def module_name(path: Path) -> str:
    parts = ("prosector", *path.relative_to(PACKAGE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def room_of(module: str) -> str:
    """The room of ``prosector.room.x``; the package itself is the room ``__init__``."""
    return module.split(".")[1] if "." in module else "__init__"


def imports_of(module: str, path: Path) -> Iterator[tuple[str, int]]:
    """Every module that ``module`` imports, by its full name, with the line."""
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            stem = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                submodule = f"{stem}.{alias.name}"
                yield (submodule if submodule in MODULES else stem), node.lineno


IMPORTS = {module: list(imports_of(module, path)) for module, path in MODULES.items()}


def complain(module: str, line: int, what: str) -> str:
    return f"{MODULES[module].relative_to(PACKAGE.parent)}:{line}: {what}"


def test_every_room_has_a_place() -> None:
    assert {room_of(m) for m in MODULES} <= set(MAY_IMPORT), "name the new room in DESIGN and in MAY_IMPORT"


def test_arrows_run_one_way() -> None:
    wrong = [
        complain(module, line, f"{room_of(module)} must not import {name}")
        for module, found in IMPORTS.items()
        for name, line in found
        if name.split(".")[0] == "prosector" and room_of(name) not in MAY_IMPORT[room_of(module)] | {room_of(module)}
    ]
    assert not wrong, "\n".join(wrong)


def test_no_cycles() -> None:
    graph = {
        module: {name for name, _ in found if name in MODULES and name != module}
        for module, found in IMPORTS.items()
        if module != "prosector"  # the lazy names of the package are no import at run time
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail("a cycle: " + " -> ".join(error.args[1]))


def test_packages_stay_in_their_rooms() -> None:
    known = sys.stdlib_module_names | {"prosector"}
    wrong = [
        complain(module, line, f"{name} is not used in {room_of(module)}")
        for module, found in IMPORTS.items()
        for name, line in found
        if name.split(".")[0] not in known and room_of(module) not in MAY_USE.get(name.split(".")[0], set())
    ]
    assert not wrong, "\n".join(wrong)


def test_scipy_is_ndimage_and_spatial_only() -> None:
    wrong = [
        complain(module, line, f"{name}: only scipy.ndimage and scipy.spatial are dependencies that were agreed on")
        for module, found in IMPORTS.items()
        for name, line in found
        if name.split(".")[0] == "scipy" and not name.startswith(("scipy.ndimage", "scipy.spatial")) and name != "scipy"
    ]
    assert not wrong, "\n".join(wrong)


ASK_FOR_HELP = """
import sys
from prosector.cli import main
sys.argv = ["prosector", "--help"]
try:
    main()
except SystemExit as done:
    assert not done.code
"""


@pytest.mark.parametrize(
    "code", ["import prosector", "import prosector.cli", ASK_FOR_HELP], ids=["package", "cli", "help"]
)
def test_start_is_light(code: str) -> None:
    """Quick by what is imported, not by the clock: none of the heavy packages."""
    probe = f"{code}\nimport sys\nprint('heavy:', *sorted(set({HEAVY!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "heavy:"


def test_the_reader_of_imports_sees_every_form(tmp_path: Path) -> None:
    """The check itself: relative, nested and aliased imports are seen."""
    file = tmp_path / "x.py"
    file.write_text(
        "import numba as nb\nfrom ..model import volume\nfrom . import y\n"
        "def f():\n    from prosector.cli import main\n"
    )
    found = [name for name, _ in imports_of("prosector.dicom.x", file)]
    assert found == ["numba", "prosector.model.volume", "prosector.dicom", "prosector.cli"]
