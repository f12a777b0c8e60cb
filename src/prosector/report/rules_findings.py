"""Rules G: what was found, and what it means."""

from __future__ import annotations

import re
from collections.abc import Iterator

from prosector.report.rules_order import evidence_of, plain, written
from prosector.report.rules_table import Finding, Subject, rule, rules


@rule("R060")
def there_are_3d_findings(on: Subject) -> Iterator[Finding]:
    """R060."""
    if not any(written(text) for finding in on.report.findings for text in finding.texts):
        yield Finding("nobody has written findings from the 3D images")


@rule("R061")
def structures_are_listed(on: Subject) -> Iterator[Finding]:
    """R061."""
    if not on.report.structures:
        yield Finding("no structure that was visualised is listed")


@rule("R062")
def impression_answers(on: Subject) -> Iterator[Finding]:
    """R062."""
    impression, question = on.report.impression, on.report.question
    if not written(impression):
        yield Finding("there is no impression in anybody's own words")
        return
    event = on.state.text("impression")
    if event is None or event.actor.role != "physician":
        yield Finding("the impression is not a physician's", evidence_of(impression))
    if question is not None and not _topics(plain(question)) & _topics(plain(impression)):
        yield Finding("the impression takes up no word of the question: does it answer it?",
                      evidence_of(impression), "I")  # fmt: skip


@rule("R063")
def added_value_is_stated(on: Subject) -> Iterator[Finding]:
    """R063."""
    if not written(on.report.added_value):
        yield Finding("nobody states what the 3D work added, changed or confirmed")


@rule("R064")
def measurements_are_whole(on: Subject) -> Iterator[Finding]:
    """R064."""
    for line in on.measurements:
        said = f"{line.name} of {line.of}" if line.of else line.name
        parts = {"a unit": line.unit, "a definition": line.definition, "a structure": line.of}
        absent = [name for name, value in parts.items() if not value.strip()]
        if absent:
            yield Finding(f"{said} lacks {', '.join(absent)}")
        if line.step not in on.steps or on.steps[line.step].output_kind != "Measurements":
            yield Finding(f"{said} comes from no step of the trace that measures")
        if line.uncertainty is None:
            yield Finding(f"{said} states no uncertainty", severity="W")


@rule("R065")
def limits_and_critical_results_are_told(on: Subject) -> Iterator[Finding]:
    """R065."""
    if not any(text.text.strip() for text in on.report.limitations):
        yield Finding("the report states no limitations")
    told = [line for line in on.report.communications if line.critical]
    for line in told:
        named = {"to whom": line.to, "by whom": line.by, "when": line.at, "what": line.what}
        absent = [words for words, value in named.items() if not value.strip()]
        if absent:
            yield Finding(f"the communication of a critical result does not say {', '.join(absent)}")
    flagged = [e.number for e in on.state.of("text-recorded") if e.data.get("critical")]
    if flagged and not told:
        yield Finding("a result is flagged as critical, and no communication of it is recorded", tuple(flagged))


@rule("R066")
def report_is_a_document_of_its_own(on: Subject) -> Iterator[Finding]:
    """R066."""
    report = on.report
    if not report.report_id.strip() or report.report_id == report.base_study.report_id:
        yield Finding("the report has no id of its own")
    if "3D" not in report.title:
        yield Finding("the report's title does not say 3D")


def _topics(text: str) -> set[str]:
    """Beginnings of the words that carry meaning, so that "fracture" and "fractured" are one."""
    common = rules()["R062"].more["common_words"]
    return {word[:5] for word in re.findall(r"[^\W\d_]{4,}", text) if word not in common}
