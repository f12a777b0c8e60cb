"""``prosector verify-accuracy`` as a user meets it."""

from __future__ import annotations

import json

import pytest

from prosector.acceptance import run as acceptance_run
from prosector.acceptance.values import Acceptance, Row
from prosector.cli import main


@pytest.fixture
def call(capsys):
    def run(*arguments):
        try:
            main([str(a) for a in arguments])
            code = 0
        except SystemExit as stop:
            code = stop.code or 0
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return code, captured.out, captured.err

    return run


@pytest.fixture
def outcome(monkeypatch):
    """Answer with one row instead of measuring."""
    asked = {}

    def answer(found):
        row = Row("tube 1", "diameter", "vessel", "mm", "across", 6.0, found, 0.2, "0.25 voxel")

        def run_acceptance(seed, **options):
            asked.update(seed=seed, **options)
            return Acceptance(
                (row,), (), seed, True, 1.0, "2026-01-01T00:00:00+00:00", {"cores": 2}, {"prosector": "0"}
            )

        monkeypatch.setattr(acceptance_run, "run_acceptance", run_acceptance)
        return asked

    return answer


def test_what_passes_exits_with_nought_and_writes_its_report(call, outcome, tmp_path):
    asked = outcome(6.1)
    code, out, _ = call("verify-accuracy", "--quick", "--seed", 4, "--out", tmp_path / "r")
    assert code == 0
    assert "1 of 1 measures within their limits" in out
    assert (asked["seed"], asked["quick"]) == (4, True)
    assert "**passed**" in (tmp_path / "r" / "accuracy.md").read_text()
    assert json.loads((tmp_path / "r" / "accuracy.json").read_text())["passed"] is True


def test_what_fails_exits_with_one(call, outcome):
    outcome(7.0)
    code, out, _ = call("verify-accuracy", "--json")
    assert code == 1
    data = json.loads(out)
    assert data["passed"] is False
    assert data["rows"][0]["error"] == pytest.approx(1.0)


def test_a_case_that_is_not_there_is_wrong_usage(call):
    code, _, err = call("verify-accuracy", "--case", "hand")
    assert code == 2
    assert "balls" in err


def test_one_case_for_real(call):
    code, out, _ = call("verify-accuracy", "--quick", "--case", "balls")
    assert code in (0, 1)
    assert "volume with partial-volume correction" in out
