"""Rules B: who asked for the 3D work, what the question was, and why 2D did not suffice."""

from __future__ import annotations

import re
from collections.abc import Iterator

from prosector.case.events import NECESSITY_REASONS
from prosector.case.people import is_npi
from prosector.report.document import Text
from prosector.report.rules_table import Finding, Subject, rule, rules

SHORTEST_SENTENCE = 3
"""Words; fewer are no question."""

ICD10 = re.compile(r"[A-TV-Z]\d[0-9A-Z](?:\.?[0-9A-Z]{1,4})?")
"""Form of an ICD-10-CM code: three to seven characters, the point after the third."""

GUIDANCE = re.compile(r"\bbiops|\bneedle|\bcore sampl|\baspirat", re.IGNORECASE)


@rule("R010")
def there_is_a_written_order(on: Subject) -> Iterator[Finding]:
    """R010."""
    order, event = on.report.order, on.state.last("order-recorded")
    hospital = "W" if on.setting != "non-hospital" else ""
    if event is None or not order.orderer:
        yield Finding("no order for the 3D work is recorded", severity=hospital)
        return
    parts = {
        "NPI of who ordered": is_npi(order.npi),
        "date": bool(order.date),
        "number": bool(order.id),
        "stored copy of the document": bool(order.document_sha256),
    }
    absent = [name for name, there in parts.items() if not there]
    if absent:
        urgent = "W" if order.urgent else hospital  # R012 asks for what stands in its place
        yield Finding(f"the order lacks: {', '.join(absent)}", (event.number,), urgent)


@rule("R011")
def necessity_stands_for_a_hospital_order(on: Subject) -> Iterator[Finding]:
    """R011."""
    if on.setting == "non-hospital" or on.report.order.orderer:
        return
    event = on.state.text("necessity")
    by_physician = event is not None and event.actor.role == "physician"
    if event is None or not by_physician or not written(on.report.necessity):
        yield Finding("there is no order, and no physician states why 3D was necessary")
    elif not str(event.data.get("positive_finding") or "").strip():
        yield Finding("there is no order, and the statement of necessity names no positive finding", (event.number,))


@rule("R012")
def urgent_work_was_told(on: Subject) -> Iterator[Finding]:
    """R012."""
    order = on.report.order
    if not order.urgent or order.document_sha256:
        return
    told = on.state.of("communication-recorded")
    if not told:
        yield Finding("urgent work without a written order, and no communication is recorded")
        return
    data = told[-1].data
    named = {"to": "to whom", "at": "when", "what": "what", "specific_need": "the specific need"}
    absent = [words for field, words in named.items() if not str(data.get(field) or "").strip()]
    if not (data.get("study_time") or on.report.base_study.performed):
        absent.append("the time of the study")
    if absent:
        yield Finding(f"the urgent communication does not say {', '.join(absent)}", (told[-1].number,))


@rule("R013")
def question_is_asked(on: Subject) -> Iterator[Finding]:
    """R013."""
    question = plain(on.report.question)
    evidence = evidence_of(on.report.question)
    if not question:
        yield Finding("there is no clinical question")
    elif question in rules()["R013"].more["boilerplate"]:
        yield Finding("the clinical question is a set phrase", evidence)
    elif len(question.split()) < SHORTEST_SENTENCE:
        yield Finding(f"the clinical question has fewer than {SHORTEST_SENTENCE} words", evidence)
    else:
        same = sum(plain(report.question) == question for report in on.earlier)
        if same >= on.profile.boilerplate_reports:
            yield Finding(f"the clinical question stands word for word in {same} earlier reports", evidence, "W")


@rule("R014")
def necessity_is_stated(on: Subject) -> Iterator[Finding]:
    """R014."""
    if not written(on.report.necessity):
        yield Finding("nobody states why 2D images and reformats did not suffice")
    if on.report.necessity_reason not in NECESSITY_REASONS:
        yield Finding(f"no reason for it is chosen from the list: {', '.join(NECESSITY_REASONS)}",
                      evidence_of(on.report.necessity))  # fmt: skip


@rule("R015")
def indication_is_listed(on: Subject) -> Iterator[Finding]:
    """R015."""
    listed = on.profile.indications
    text = f"{plain(on.report.question)} {plain(on.report.necessity)} {plain(on.report.impression)}"
    codes = on.report.coding.icd10
    for indication in listed:
        if any(word in text for word in indication.words) or any(
            c.startswith(p) for c in codes for p in indication.icd10
        ):
            return
    if listed:
        names = "; ".join(indication.name for indication in listed)
        yield Finding(f"the record names none of the profile's indications: {names}")


@rule("R016")
def equivalents_were_considered(on: Subject) -> Iterator[Finding]:
    """R016."""
    if not written(on.report.considered):
        yield Finding("it is not recorded whether other studies give the same information")


@rule("R017")
def diagnosis_codes_are_recorded(on: Subject) -> Iterator[Finding]:
    """R017."""
    codes = on.report.coding.icd10
    if not codes:
        yield Finding("no diagnosis code is recorded")
    wrong = [code for code in codes if not ICD10.fullmatch(code.strip().upper())]
    if wrong:
        yield Finding(f"not the form of an ICD-10-CM code: {', '.join(wrong)}")


@rule("R018")
def purpose_is_not_guidance(on: Subject) -> Iterator[Finding]:
    """R018."""
    if GUIDANCE.search(on.report.coding.purpose):
        yield Finding("the purpose is the mapping of biopsies or needles")
    elif GUIDANCE.search(plain(on.report.question)):
        yield Finding("the question speaks of biopsies or needles: is that the purpose?",
                      evidence_of(on.report.question), "W")  # fmt: skip


@rule("R019")
def authorisation_is_recorded(on: Subject) -> Iterator[Finding]:
    """R019."""
    if on.profile.prior_authorisation and not on.report.coding.prior_authorisation.strip():
        yield Finding("this profile may ask for prior authorisation of 3D, and none is recorded")


def written(text: Text | None) -> bool:
    """Whether somebody wrote it, in words."""
    return text is not None and text.origin == "written" and bool(text.text.strip())


def plain(text: Text | None) -> str:
    """A passage in small letters, without double spaces and the full stop at its end."""
    return " ".join(text.text.lower().split()).rstrip(".") if text else ""


def evidence_of(text: Text | None) -> tuple[int, ...]:
    """The event that a passage came from."""
    return (text.event,) if text and text.event is not None else ()
