"""The document as JSON: the form from which it is read again, hashed and signed."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from prosector.atomic import write_text
from prosector.errors import FileFormatError
from prosector.model.digest import canonical_json
from prosector.report.document import Report


def report_to_json(report: Report) -> dict[str, Any]:
    """The document as plain data; what was not found is empty or null, never left out."""
    return report.model_dump(mode="json")


def document_sha256(report: Report) -> str:
    """sha256 of the canonical JSON, the signature's value left empty: what is signed, and what the log names."""
    data = report_to_json(report)
    if data["signature"] is not None:
        data["signature"]["value"] = ""
    return hashlib.sha256(canonical_json(data).encode()).hexdigest()


def write_report_json(path: str | Path, report: Report) -> None:
    """Write the document as indented UTF-8 JSON.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    write_text(path, json.dumps(report_to_json(report), indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_report(path: str | Path) -> Report:
    """Read a document as :func:`write_report_json` wrote it.

    Raises
    ------
    FileFormatError
        If the file is absent or holds something else.
    """
    try:
        return Report.model_validate_json(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise FileFormatError(f"no file {Path(path).name} that can be read") from error
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise FileFormatError(f"{Path(path).name} is no report: {place}: {first['msg']}") from None
    except ValueError as error:
        raise FileFormatError(f"{Path(path).name} is no report: not UTF-8") from error


def report_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of the document."""
    schema = Report.model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
