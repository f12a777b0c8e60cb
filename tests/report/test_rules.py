"""Every rule of the table, both ways: it is silent on a complete record, and speaks when that is broken."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from rules_breaks import BREAKS, HEALS, HOSPITAL, Break, not_cleared, put, unsealed
from rules_case import Built, complete_case

from prosector.errors import UnknownNameError
from prosector.report import base_codes, rules_table
from prosector.report.document import Completeness
from prosector.report.profiles import WEIGHTS, profile, profile_names
from prosector.report.rules_identity import moment_of
from prosector.report.rules_table import REGISTER, rules, sections, sources

FOLDER = Path(rules_table.__file__).parent


@pytest.fixture(scope="module")
def complete() -> Built:
    return complete_case()


@pytest.fixture(scope="module")
def verdict(complete: Built) -> Completeness:
    return complete.check(HOSPITAL)


@cache
def broken(row: Break) -> Built:
    """The record with this one thing broken; built once, asked by several tests."""
    return complete_case(row.change)


def name_of(row: Break) -> str:
    return f"{row.rule}: {row.what}"


@pytest.mark.parametrize("rule_id", rules())
def test_a_rule_is_silent_where_nothing_is_wanting(rule_id: str, verdict: Completeness) -> None:
    assert [result.message for result in verdict.results if result.rule == rule_id] == []


@pytest.mark.parametrize("row", BREAKS, ids=name_of)
def test_a_broken_rule_speaks(row: Break) -> None:
    built = broken(row)
    found = built.check(row.profile)
    results = [result for result in found.results if result.rule == row.rule]
    assert row.severity in {result.severity for result in results}, results
    assert max(WEIGHTS[result.severity] for result in results) == WEIGHTS[row.severity], results
    if row.severity == "E":
        assert not found.complete
        assert found.statement.startswith("Not complete against profile")
    assert all(result.satisfied_by == rules()[row.rule].satisfied_by for result in results)
    numbers = {event.number for event in built.state.events}
    assert all(set(result.evidence) <= numbers for result in found.results)
    told = found.model_dump_json()
    assert "Doe" not in told
    assert "19700102" not in told


@pytest.mark.parametrize("row", HEALS, ids=name_of)
def test_a_rule_bears_what_is_right(row: Break) -> None:
    found = broken(row).check(row.profile)
    assert [r for r in found.results if r.rule == row.rule and r.severity == "E"] == []
    if row.rule != "R010":  # the missing document stays worth a warning
        assert [r for r in found.results if r.rule == row.rule] == []


def test_every_rule_has_a_function_and_is_broken_here() -> None:
    assert set(rules()) == set(REGISTER) == {row.rule for row in BREAKS}


def test_the_table_is_that_of_the_requirements() -> None:
    counts = {"A": 9, "B": 10, "C": 5, "D": 11, "E": 3, "F": 7, "G": 7, "H": 4, "I": 3, "J": 4}
    assert {s: sum(row.section == s for row in rules().values()) for s in sections()} == counts


def test_every_rule_is_sourced_and_dated() -> None:
    for row in rules().values():
        assert row.severity in WEIGHTS
        assert row.sources
        assert set(row.sources) <= set(sources()), row.id
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", row.dated)
        assert row.text.endswith(".")
        assert row.satisfied_by


def test_the_complete_record_is_complete_and_says_against_what(verdict: Completeness) -> None:
    assert verdict.complete
    assert verdict.results == ()
    dated = profile(HOSPITAL).dated
    assert verdict.statement.startswith(f"Complete against profile {HOSPITAL}, dated {dated}")


@pytest.mark.parametrize("name", profile_names())
def test_unsupervised_work_is_never_complete(name: str, complete: Built) -> None:
    assert complete.check(name).complete
    found = complete_case(unsealed).check(name)
    assert not found.complete
    assert "NOT SUPERVISED" in found.statement
    claimed = name != "research"
    assert claimed is any(r.severity == "E" for r in found.results if r.rule in ("R030", "R037"))


def test_a_report_that_calls_itself_supervised_is_not_believed() -> None:
    """The log says so or nothing does."""
    built = complete_case(unsealed)
    assert built.report.supervision.supervised
    assert not built.check("research").complete


def test_software_that_is_not_cleared_is_plainly_said() -> None:
    built = complete_case(not_cleared)
    for name in ("medicare-hospital", "medicare-nonhospital"):
        found = built.check(name)
        assert {r.rule for r in found.results if r.severity == "E"} == {"R024"}
        assert "not cleared by a regulator" in found.statement
    assert built.check("research").complete


def test_what_the_console_renders_is_the_lesser_code() -> None:
    (row,) = [row for row in BREAKS if row.what == "console"]
    assert "76376 at most" in broken(row).check(HOSPITAL).statement


def test_research_weighs_nothing_but_integrity() -> None:
    found = [r for row in BREAKS[::2] for r in broken(row).check("research").results]
    assert {r.rule for r in found if r.severity == "E"} <= {row.id for row in rules().values() if row.integrity}


def test_errors_come_first() -> None:
    found = complete_case(lambda d: (put(question=None)(d), put(coding__component="")(d), put(considered=None)(d)))
    assert [r.severity for r in found.check(HOSPITAL).results] == ["E", "W", "I"]


def test_nobody_is_promised_money() -> None:
    texts = [(FOLDER / f"{name}.toml").read_text() for name in ("rules", "profiles", "base_codes")]
    texts += [broken(row).check(HOSPITAL).model_dump_json() for row in BREAKS[::10]]
    assert not [t for t in texts if re.search(r"\bpayable\b|will be paid|reimbursable", t, re.IGNORECASE)]


def test_profiles_are_whole() -> None:
    assert profile_names() == (
        "medicare-nonhospital", "medicare-hospital", "commercial-generic", "anthem-cg-med-51", "research",
    )  # fmt: skip
    for name in profile_names():
        row = profile(name)
        assert set(row.severities) <= set(rules())
        assert set(row.severities.values()) <= {*WEIGHTS, "off"}
        assert set(row.sources) <= set(sources())
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", row.dated)
    with pytest.raises(UnknownNameError, match="choose one of: anthem"):
        profile("medicaid")


def test_a_profile_can_leave_a_rule_out() -> None:
    row = replace(profile(HOSPITAL), severities={"R024": "off"})
    assert row.leaves_out("R024")
    assert not row.leaves_out("R010")


def test_no_function_without_a_row() -> None:
    with pytest.raises(UnknownNameError, match="unknown rule 'R999'"):
        rules_table.rule("R999")(REGISTER["R001"])


@pytest.mark.parametrize(
    ("text", "minute"),
    [("20260131 094107", 41), ("20260131 0941", 41), ("2026013109", 0), ("20260131 094107.250", 41),
     ("2026-01-31T09:41:07+01:00", 41), ("20261331 094107", None), ("20260131", None), ("", None), ("soon", None)],
)  # fmt: skip
def test_times_of_dicom_and_iso(text: str, minute: int | None) -> None:
    found = moment_of(text)
    assert (found.minute if found else None) == minute


@pytest.mark.parametrize(
    ("code", "kind"),
    [("74175", "excluded"), ("70543", "known"), ("70544", "excluded"), ("70549", "excluded"), ("70550", None),
     ("0560T", "excluded"), ("0560", None), ("78999", "excluded"), ("79000", None), ("74183", "sensitive"),
     ("72192", "known"), (" 74175 ", "excluded"), ("0559t", "excluded"), ("", None), ("abc", None)],
)  # fmt: skip
def test_base_codes(code: str, kind: str | None) -> None:
    row = base_codes.look_up(code)
    assert (row.kind if row else None) == kind


def test_base_codes_are_numbers_without_descriptors() -> None:
    data = tomllib.loads((FOLDER / "base_codes.toml").read_text())
    codes = [code for kind in base_codes.KINDS for row in data[kind] for code in row["codes"]]
    assert all(re.fullmatch(r"\d{4}[\dT](-\d{4}[\dT])?", code) for code in codes)
    assert len(codes) == len(set(codes))
    for row in base_codes.rows():
        assert row.source in sources()
        assert row.reason
        assert row.dated
