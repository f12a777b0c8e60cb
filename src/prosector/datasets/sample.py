"""Where the embedded sample lies: in the installed package, or beside the source."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from prosector.errors import InputError

SERIES_NAME = "pelvis_ct"
TRUTH_NAME = "pelvis_ct_truth.json"


def sample_folder() -> Path:
    """Folder of the embedded CT series.

    Looks in the installed package first, then in the source checkout that the package is run from.

    Raises
    ------
    InputError
        If neither holds the series.
    """
    return _sample_root() / SERIES_NAME


def sample_truth_file() -> Path:
    """JSON file with what is true of the embedded series.

    Raises
    ------
    InputError
        If the sample is not there.
    """
    return _sample_root() / TRUTH_NAME


def _sample_root() -> Path:
    package = Path(str(resources.files("prosector")))
    for root in (package / "sample_data", package.parents[1] / "sample_data"):
        if any((root / SERIES_NAME).glob("*.dcm")):
            return root
    raise InputError(
        "the embedded sample is not installed; make it with "
        "'python -m prosector.datasets.phantom_sample FOLDER' and pass FOLDER/pelvis_ct"
    )
