"""Archives: sending a case to a PACS and fetching studies from one, by DIMSE and by DICOMweb."""

from __future__ import annotations

from importlib.util import find_spec

from prosector.errors import NetworkError

LIBRARIES = ("pynetdicom", "dicomweb_client")


def require_libraries() -> None:
    """Raise NetworkError unless what the extra ``network`` brings is installed."""
    missing = [name for name in LIBRARIES if find_spec(name) is None]
    if missing:
        raise NetworkError(f"{' and '.join(missing)} not installed: python -m pip install 'prosector[network]'")
