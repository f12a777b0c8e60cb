"""Definitions of vessel sizes carry codes that DICOM has, and names of their own."""

from __future__ import annotations

from pydicom.sr._concepts_dict import concepts

from prosector.measurement import definitions_vessel as define


def test_codes_are_in_the_dictionary() -> None:
    known = {
        (scheme, value, meaning)
        for scheme, rows in concepts.items()
        for row in rows.values()
        for value, (meaning, _) in row.items()
    }
    codes = [c for d in define.ALL for c in (d.code, d.modifier) if c is not None]
    assert len(codes) > 10
    assert [c for c in codes if (c.scheme, c.value, c.meaning) not in known] == []


def test_names_are_distinct_and_never_just_a_diameter() -> None:
    names = [d.name for d in define.ALL]
    assert len(set(names)) == len(names)
    assert "diameter" not in names
