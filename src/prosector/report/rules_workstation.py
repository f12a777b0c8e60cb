"""Rules C: where the 3D work was done, and with which software."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from prosector.report.rules_table import Finding, Subject, rule

CLEARANCE = re.compile(r"\b(?:K|P|DEN|BK|H|N)\d{6}\b|\bCE ?\d{4}\b")
"""Forms of a number under which a regulator lets software be used."""

HOSTS = ("workstation", "server")
"""What may render for 76377; the scanner's console may not."""

AT_MOST = "76376 at most"
"""What work on the scanner's console, or on nobody knows what, comes to."""


@rule("R020")
def workstation_is_stated(on: Subject) -> Iterator[Finding]:
    """R020."""
    station = on.report.workstation
    said = "independent workstation" in station.statement.lower()
    if station.independent is not True or on.state.created.data["workstation"].get("independent") is not True:
        yield Finding("the workstation is not recorded as an independent one", (on.state.created.number,))
    elif not said or "no independent" in station.statement.lower():
        yield Finding("the report does not say that an independent workstation was used")


@rule("R021")
def software_is_recorded(on: Subject) -> Iterator[Finding]:
    """R021."""
    station = on.report.workstation
    parts = {
        "the workstation's id": station.id,
        "the software's name": station.software,
        "its version": station.version,
        "the hash of its build": station.build_sha256,
    }
    absent = [name for name, value in parts.items() if not value]
    if absent:
        yield Finding(f"not recorded: {', '.join(absent)}")
    recorded = on.state.created.data["software"]
    if station.build_sha256 and station.build_sha256 != recorded.get("build_sha256"):
        yield Finding("the build in the report is not the one that made the case", (on.state.created.number,))


@rule("R022")
def workstation_is_not_the_scanner(on: Subject) -> Iterator[Finding]:
    """R022."""
    station = on.state.created.data["workstation"]
    for event in on.state.of("source-added"):
        scanner = event.data.get("equipment") or {}
        if not any(scanner.values()):
            yield Finding("the source names no device that acquired it: nothing to compare with", (event.number,), "W")
        elif same := _shared(station, scanner):
            yield Finding(f"workstation and acquiring device have the same {same}", (event.number,))


@rule("R023")
def host_is_recorded_and_no_console(on: Subject) -> Iterator[Finding]:
    """R023."""
    host = str(on.coding.get("rendering_host") or on.state.created.data["workstation"].get("host_kind") or "")
    if host not in HOSTS:
        found = f"the images were rendered on a {host}" if host else "it is not recorded what rendered the images"
        yield Finding(f"{found}: {AT_MOST}", (on.state.created.number,))


@rule("R024")
def regulatory_status_is_recorded(on: Subject) -> Iterator[Finding]:
    """R024."""
    cleared = on.report.workstation.cleared.strip()
    created = on.state.created
    if not cleared:
        yield Finding("the software's regulatory status is not recorded")
    elif cleared != created.data["workstation"].get("cleared"):
        yield Finding("the regulatory status in the report is not the one that the case records", (created.number,))
    elif "not cleared" in cleared.lower():
        yield Finding("the software is not cleared by any regulator: its work is for research, not for claims")
    elif not CLEARANCE.search(cleared):
        yield Finding(f"the regulatory status {cleared!r} holds no clearance number")


def _shared(station: Mapping[str, Any], scanner: Mapping[str, Any]) -> str:
    """What both devices have in common that no two devices have; empty where nothing is."""
    if station.get("serial") and station["serial"] == scanner.get("serial"):
        return "serial number (0018,1000)"
    if station.get("id") and station["id"] == scanner.get("station"):
        return "station name (0008,1010)"
    maker, model = station.get("manufacturer"), station.get("model")
    if maker and model and (maker, model) == (scanner.get("manufacturer"), scanner.get("model")):
        return "manufacturer (0008,0070) and model (0008,1090)"
    return ""
