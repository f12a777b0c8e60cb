"""Whether a report and its record are complete against a profile: every rule asked, every shortcoming named."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from prosector.case.folder import read_case
from prosector.case.state import CaseState
from prosector.case.verify import Verification, verify_case
from prosector.model.progress import Progress, silent
from prosector.report import (
    rules_archive,
    rules_coding,
    rules_findings,
    rules_identity,
    rules_order,
    rules_signature,
    rules_technique,
    rules_words,
    rules_workstation,
)
from prosector.report.compose import compose_report
from prosector.report.document import Completeness, Report, RuleResult
from prosector.report.profiles import WEIGHTS, Profile, profile
from prosector.report.rules_supervision import is_supervised
from prosector.report.rules_table import REGISTER, Finding, Rule, Subject, rules
from prosector.report.rules_workstation import AT_MOST
from prosector.report.sign import read_filed

RULE_MODULES = (
    rules_identity, rules_order, rules_workstation, rules_technique, rules_words, rules_findings, rules_archive,
    rules_signature, rules_coding,
)  # fmt: skip
"""Importing them registers their rules."""

NOT_SUPERVISED = "NOT SUPERVISED: no record of this work can be complete"


BEFORE_SIGNING = "As the record stood when this was written, the signature apart: "


def check_report(
    report: Report,
    state: CaseState,
    profile_name: str,
    *,
    earlier: Sequence[Report] = (),
    verified: Verification | None = None,
    signing: bool = False,
) -> Completeness:
    """Ask every rule of a profile.

    Parameters
    ----------
    report : Report
        Draft or signed.
    state : CaseState
        The log that it tells of.
    profile_name : str
        See :func:`prosector.report.profiles.profile_names`.
    earlier : sequence of Report
        Reports on other cases; set phrases show against them.
    verified : Verification, optional
        From :func:`prosector.case.verify.verify_case`: what it found counts too, and a replay that it did stands for
        one on record.
    signing : bool
        The report is about to be signed, and the result goes into it: what the signature itself brings is not asked.

    Returns
    -------
    Completeness
        What was found wanting, errors first, then by rule. Complete is what has no error and was supervised
        throughout; nothing here says that anything will be paid.

    Raises
    ------
    UnknownNameError
        For an unknown profile.
    """
    chosen = profile(profile_name)
    subject = Subject(report, state, chosen, tuple(earlier), verified)
    asked = [row for row in rules().values() if not (signing and row.more.get("by_signing"))]
    results = tuple(result for row in asked for result in _ask(row, subject))
    supervised = is_supervised(subject)
    complete = supervised and not any(result.severity == "E" for result in results)
    ordered = sorted(results, key=lambda result: -WEIGHTS[result.severity])
    return Completeness(
        profile=chosen.name,
        dated=chosen.dated,
        complete=complete,
        statement=(BEFORE_SIGNING if signing else "") + _statement(chosen, ordered, complete, supervised),
        results=tuple(ordered),
    )


def check_case(
    folder: str | Path,
    profile_name: str,
    *,
    earlier: Sequence[str | Path] = (),
    replay: bool = False,
    signing: bool = False,
    progress: Progress = silent,
) -> Completeness:
    """Check the newest signed report of a case or, where there is none, the draft that the case comes to now.

    Parameters
    ----------
    folder : path
        The case; nothing in it is changed.
    profile_name : str
    earlier : sequence of path
        Other cases, whose reports are held beside this one.
    replay : bool
        Compute every output again; takes as long as the work did. Without, a replay on record counts.
    signing : bool
        Check what would be signed now instead, for the result to go into it.
    progress : callable

    Raises
    ------
    UnknownNameError
        For an unknown profile.
    CaseError
        If there is no case or source, the source reads otherwise than it did, or a signed report was changed.
    """
    profile(profile_name)
    verified = verify_case(folder, replay=replay, progress=progress)
    report = compose_report(folder, progress=progress) if signing else report_of(folder, progress)
    others = tuple(report_of(other, progress) for other in earlier)
    return check_report(report, read_case(folder), profile_name, earlier=others, verified=verified, signing=signing)


def report_of(folder: str | Path, progress: Progress = silent) -> Report:
    """The newest signed report of a case, as it was filed, or a draft composed now.

    Raises
    ------
    CaseError, FileFormatError
        As :func:`prosector.report.sign.read_filed` and :func:`prosector.report.compose.compose_report`.
    """
    signed = read_case(folder).last("report-signed")
    return read_filed(folder, signed) if signed else compose_report(folder, progress=progress)


def _ask(row: Rule, subject: Subject) -> list[RuleResult]:
    if subject.profile.leaves_out(row.id):
        return []
    return [_result(row, finding, subject.profile) for finding in REGISTER[row.id](subject)]


def _result(row: Rule, finding: Finding, chosen: Profile) -> RuleResult:
    return RuleResult(
        rule=row.id,
        severity=chosen.severity(row.id, row.severity, finding.severity, row.integrity),
        message=finding.message,
        satisfied_by=row.satisfied_by,
        evidence=finding.evidence,
    )


def _statement(chosen: Profile, results: Sequence[RuleResult], complete: bool, supervised: bool) -> str:
    against = f"against profile {chosen.name}, dated {chosen.dated}"
    errors = sum(result.severity == "E" for result in results)
    warnings = sum(result.severity == "W" for result in results)
    said = [f"Complete {against}" if complete else f"Not complete {against}"]
    said[0] += f": {counted(errors, 'error')}, {counted(warnings, 'warning')}."
    if not supervised:
        said.append(f"{NOT_SUPERVISED}.")
    wanting = {result.rule for result in results if result.severity == "E"}
    if "R023" in wanting:
        said.append(f"As it stands the work is {AT_MOST}.")
    if "R024" in wanting:
        said.append("The software is not cleared by a regulator, or no clearance number is on record: "
                    "under this profile that alone keeps the record from being complete.")  # fmt: skip
    if not chosen.claims:
        said.append("This profile is for work that nobody claims.")
    said.append("It says what is on record, not what anybody will pay; it is no legal or coding advice.")
    return " ".join(said)


def rules_without_findings(found: Completeness) -> tuple[int, int]:
    """How many rules of the profile found nothing, of how many."""
    chosen = profile(found.profile)
    asked = {rule_id for rule_id in rules() if not chosen.leaves_out(rule_id)}
    return len(asked - {result.rule for result in found.results}), len(asked)


def counted(number: int, what: str) -> str:
    """``1 error``, ``2 errors``, ``no errors``."""
    return f"{number or 'no'} {what}{'' if number == 1 else 's'}"
