"""Makes the embedded sample: ``python -m prosector.datasets.phantom_sample sample_data``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from prosector.atomic import write_text
from prosector.datasets.phantom import build_pelvis
from prosector.datasets.sample import SERIES_NAME, TRUTH_NAME
from prosector.datasets.write_series import write_ct_series


def make_sample(folder: str | Path) -> None:
    """Scan the pelvis phantom with its defaults; write ``pelvis_ct/`` and ``pelvis_ct_truth.json``."""
    volume, _, facts = build_pelvis()
    write_ct_series(volume, Path(folder) / SERIES_NAME)
    write_text(Path(folder) / TRUTH_NAME, json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m prosector.datasets.phantom_sample FOLDER")
    make_sample(sys.argv[1])
