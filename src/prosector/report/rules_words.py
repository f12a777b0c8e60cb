"""Words against the trace: which techniques a text names, and whether the trace holds what backs them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from prosector.model.recipe import TraceStep
from prosector.pipeline.operations import OPERATIONS
from prosector.report.document import Report, Text
from prosector.report.rules_order import evidence_of
from prosector.report.rules_table import Finding, Subject, rule

SENTENCE = re.compile(r"(?<=[.!?;])\s+|\n+")

NOT_3D = re.compile(r"\b(?:2D|two-dimensional)[- ](?:MIPs?\b|max\w*[- ]intensity)", re.IGNORECASE)
REFORMAT_3D = re.compile(r"\b(?:3D|three-dimensional)[- ](?:reformat\w*|MPRs?\b|multi-?planar)", re.IGNORECASE)
SAYS_3D = re.compile(r"\b(?:3D|3-D|three-dimensional)\b", re.IGNORECASE)
MIP = "maximum intensity projection"


@dataclass(frozen=True)
class Technique:
    """A technique, the words for it, and the operations that back them."""

    name: str
    patterns: tuple[re.Pattern[str], ...]
    operations: frozenset[str]
    parameter: str = ""

    def is_backed_by(self, step: TraceStep) -> bool:
        """Whether this step did it."""
        return step.operation in self.operations and (not self.parameter or bool(step.parameters.get(self.parameter)))


@dataclass(frozen=True, slots=True)
class Mention:
    """A technique that a text says was used: the words, and the sentence that they stand in."""

    technique: Technique
    words: str
    sentence: str


@rule("R051")
def words_are_backed_by_the_trace(on: Subject) -> Iterator[Finding]:
    """R051."""
    steps = tuple(on.steps.values())
    for text in written_texts(on.report):
        told = {m.technique.name: m for m in mentions(text.text)}
        for mention in told.values():
            if not any(mention.technique.is_backed_by(step) for step in steps):
                message = f"the text says {mention.words!r}, but no step of the trace is {mention.technique.name}"
                yield Finding(message, evidence_of(text))
    for statement in on.report.technique:
        wrong = [s for s in statement.steps if s not in on.steps or on.steps[s].operation != statement.operation]
        if wrong or not statement.steps:
            yield Finding(f"no step of the trace backs the statement on {statement.technique}: {', '.join(wrong)}")
    said = {step for statement in on.report.technique for step in statement.steps}
    silent = [name for name in on.steps if name not in said]
    if silent:
        numbers = tuple(run.number for run in on.all_runs if any(s.startswith(f"{run.data['run']}/") for s in silent))
        yield Finding(f"steps that no sentence of the report tells: {', '.join(silent)}", numbers, "W")


@rule("R052")
def words_say_3d(on: Subject) -> Iterator[Finding]:
    """R052."""
    for text in written_texts(on.report):
        for sentence in SENTENCE.split(text.text):
            if found := NOT_3D.search(sentence) or REFORMAT_3D.search(sentence):
                yield Finding(f"the text says {found[0]!r}", evidence_of(text))
            elif not SAYS_3D.search(sentence) and any(m.technique.name == MIP for m in mentions(sentence)):
                yield Finding("a sentence speaks of maximum intensity projection without saying 3D", evidence_of(text))


def written_texts(report: Report) -> tuple[Text, ...]:
    """What people wrote about the 3D work; question and necessity speak of the base study too, and are left out."""
    findings = (text for finding in report.findings for text in finding.texts)
    single = (report.procedure, report.added_value, report.impression, report.attestation)
    found = (*single, *findings, *report.limitations, *report.addenda)
    return tuple(text for text in found if text is not None and text.origin == "written")


def mentions(text: str) -> tuple[Mention, ...]:
    """Techniques that a text says were used; those that it says were not are left out."""
    return tuple(m for sentence in SENTENCE.split(text) for m in _in_sentence(sentence))


def _in_sentence(sentence: str) -> Iterator[Mention]:
    rest = sentence
    for technique in techniques():
        for pattern in technique.patterns:
            for found in pattern.finditer(rest):
                if not _is_denied(sentence, found.start(), found.end()):
                    yield Mention(technique, found[0], sentence)
            rest = pattern.sub(lambda m: "\0" * len(m[0]), rest)


def _is_denied(sentence: str, start: int, end: int) -> bool:
    before, after = negation()
    return bool(before.search(sentence[:start]) or after.search(sentence[end:]))


@cache
def negation() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """What denies a technique before and behind its name."""
    words = _data()["negation"]
    return re.compile(words["before"], re.IGNORECASE), re.compile(words["after"], re.IGNORECASE)


@cache
def techniques() -> tuple[Technique, ...]:
    """The table of words, in its order."""
    return tuple(_technique(row) for row in _data()["technique"])


def _technique(row: Mapping[str, Any]) -> Technique:
    made: Iterable[str] = row.get("makes", ())
    operations = {
        *row.get("operations", ()),
        *(name for name, op in OPERATIONS.items() if op.output.__name__ in made),
        *(name for name, op in OPERATIONS.items() if row.get("qualifies") and op.qualifies),
    }
    patterns = tuple(re.compile(pattern, re.IGNORECASE) for pattern in row["patterns"])
    return Technique(row["name"], patterns, frozenset(operations), row.get("parameter", ""))


@cache
def _data() -> dict[str, Any]:
    return tomllib.loads(files("prosector.report").joinpath("technique_words.toml").read_text(encoding="utf-8"))
