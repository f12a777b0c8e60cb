"""Rules J: what the codes need."""

from __future__ import annotations

from collections.abc import Iterator

from prosector.report.rules_table import Finding, Subject, rule, rules

SETTINGS = ("hospital", "non-hospital", "opps")


@rule("R090")
def units_fit_the_regions(on: Subject) -> Iterator[Finding]:
    """R090."""
    units, regions = on.report.coding.units, on.report.coding.regions
    if units is None:
        yield Finding("the number of units is not recorded")
    elif units < 1:
        yield Finding(f"{units} units are recorded")
    elif units > 1 and len(set(regions)) < units:
        yield Finding(
            f"{units} units, but {len(set(regions))} separate regions listed: regions that touch are one unit"
        )
    elif units > 1:
        yield Finding(f"{units} units for {', '.join(regions)}: they must not touch", severity="W")


@rule("R091")
def models_are_apart(on: Subject) -> Iterator[Finding]:
    """R091."""
    both = sorted(set(on.report.coding.also_claimed) & set(rules()["R091"].more["combined"]))
    if both:
        yield Finding(f"claimed beside 76377: {', '.join(both)}")
    meshes = [row for row in on.state.outputs.values() if row.kind == "Mesh"]
    if meshes:
        numbers = tuple(dict.fromkeys(row.event for row in meshes))
        yield Finding(f"the case made surface meshes ({', '.join(row.id for row in meshes)}): another code's work",
                      numbers, "W")  # fmt: skip


@rule("R092")
def setting_is_recorded(on: Subject) -> Iterator[Finding]:
    """R092."""
    setting = on.report.coding.setting
    if setting not in SETTINGS:
        yield Finding("the setting of the service is not recorded")
    elif setting == "opps":
        yield Finding("under OPPS the 3D work is packaged: the hospital is not paid for it apart")
    hospital = {"hospital": True, "opps": True, "non-hospital": False}
    if setting in hospital and on.profile.setting and hospital[setting] is not hospital[on.profile.setting]:
        yield Finding(f"the setting is recorded as {setting}, the profile is for {on.profile.setting}")


@rule("R093")
def share_is_inconspicuous(on: Subject) -> Iterator[Finding]:
    """R093."""
    share = on.coding.get("practice_share_percent")
    if isinstance(share, (int, float)) and share > on.profile.practice_share_percent:
        event = on.state.last("coding-recorded")
        limit = on.profile.practice_share_percent
        yield Finding(f"{share:g} % of the practice's studies carry 3D; reviewers look at more than {limit:g} %",
                      (event.number,) if event else ())  # fmt: skip
