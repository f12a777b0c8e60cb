"""Every rule broken, one thing at a time: what is done to the complete record, and what the rule then weighs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from rules_case import IMAGES, SALT, Draft, Entry, at, image, output, written

from prosector.case.source import identity_sha256
from prosector.case.verify import Check, Verification
from prosector.model.source import Patient
from prosector.report.document import Report

HOSPITAL = "medicare-hospital"
OFFICE = "medicare-nonhospital"
COMMERCIAL = "commercial-generic"
RESEARCH = "research"


@dataclass(frozen=True)
class Break:
    """One way to break a rule."""

    rule: str
    what: str
    change: Callable[[Draft], object]
    severity: str
    profile: str = HOSPITAL


def put(**changes: object) -> Callable[[Draft], None]:
    """Change fields of the document; ``base_study__cpt`` is a field of a part."""

    def change(draft: Draft) -> None:
        for path, value in changes.items():
            part, _, name = path.partition("__")
            if name:
                draft.report[part][name] = value
            else:
                draft.report[part] = value

    return change


def enter(kind: str, fits: dict[str, object] | None = None, **changes: object) -> Callable[[Draft], None]:
    """Change the data of an entry; ``workstation__serial`` is a field of a part."""

    def change(draft: Draft) -> None:
        data = draft.entry(kind, **(fits or {})).data
        for path, value in changes.items():
            part, _, name = path.partition("__")
            if name:
                data[part][name] = value
            else:
                data[part] = value

    return change


def both(*changes: Callable[[Draft], object]) -> Callable[[Draft], None]:
    """One change after the other."""

    def change(draft: Draft) -> None:
        for one in changes:
            one(draft)

    return change


def without(kind: str, **fits: object) -> Callable[[Draft], None]:
    """Take entries out."""
    return lambda draft: draft.drop(kind, **fits)


def by(who: str, kind: str, **fits: object) -> Callable[[Draft], None]:
    """Have somebody else enter it."""

    def change(draft: Draft) -> None:
        draft.entry(kind, **fits).who = who

    return change


def person(login: str, **changes: str) -> Callable[[Draft], None]:
    def change(draft: Draft) -> None:
        draft.people[login] = replace(draft.people[login], **changes)

    return change


def says(text: str, field: str = "impression") -> Callable[[Draft], None]:
    return lambda draft: draft.report.update({field: written(f"The acetabulum is fractured. {text}")})


def now_too(
    kind: str, who: str, minutes: float, about: tuple[str, ...] = (), **data: object
) -> Callable[[Draft], None]:
    """One more entry, where its time puts it."""

    def change(draft: Draft) -> None:
        draft.entries.append(Entry(kind, who, minutes, data, about))
        draft.entries.sort(key=lambda e: e.minutes)

    return change


def line(**changes: object) -> Callable[[Draft], None]:
    """Change the measurement."""
    return lambda draft: draft.report["measurements"][0].update(changes)


def picture(**changes: object) -> Callable[[Draft], None]:
    """Change the first archived image."""
    return lambda draft: draft.report["images"][0].update(changes)


def all_images(draft: Draft, **changes: object) -> None:
    for row in draft.report["images"]:
        row.update(changes)


def unsigned(draft: Draft) -> None:
    draft.signer = ""
    draft.report |= {"status": "draft", "attestation": None}
    draft.closing = []


def only_reformats(draft: Draft) -> None:
    draft.report["measurements"] = []
    for name in ("mip", "bone"):
        draft.step(name, operation="mpr")


def unsealed(draft: Draft) -> None:
    draft.entry("run-done").data["supervisor"] = {}


def trial_by_a_program(draft: Draft) -> None:
    """A second run that nobody supervised, of which the report uses nothing."""
    first = draft.entry("run-done")
    data = {**first.data, "run": "run-0002", "outputs": [], "supervisor": {}}
    draft.entries.insert(draft.entries.index(first), Entry("run-done", "", 8.5, data, ("run-0002",)))


def second_run(draft: Draft) -> None:
    """A second run, supervised, that gives the report a number and that no review names."""
    trial_by_a_program(draft)
    del draft.entry("run-done").data["supervisor"]
    draft.report["measurements"][0] |= {"run": "run-0002", "step": "run-0002/numbers"}


def sealed_otherwise(draft: Draft) -> None:
    seal = {"person": "ada", "session": "session-ada", "trace_sha256": "0" * 64, "signature": "AAAA"}
    draft.entry("run-done").data["supervisor"] = seal


def unattributed(draft: Draft) -> None:
    draft.entry("run-done").who = ""


def edited_log(draft: Draft) -> None:
    def edit(events: list) -> None:
        events[5] = replace(events[5], data={**events[5].data, "cpt": "70450"})

    draft.tamper_log = edit


def borrowed_login(draft: Draft) -> None:
    """A technologist's session enters under the physician's name."""

    def edit(events: list) -> None:
        event = next(e for e in events if e.kind == "decision")
        events[event.number] = replace(event, signature=events[4].signature)

    draft.tamper_log = edit


def uncertified(draft: Draft) -> None:
    draft.entry("session-started").data["certificate"] = "AAAA"


def at_once(draft: Draft) -> None:
    """Everything between the beginning of the run and the last decision within a minute."""
    draft.trace(lambda t: replace(t, started_utc=at(20)))
    for minutes, entry in enumerate(e for e in draft.entries if e.kind in ("run-done", "decision")):
        entry.minutes = 20 + minutes / 60


def just_before_signing(draft: Draft) -> None:
    for entry in draft.entries:
        if entry.kind == "decision":
            entry.minutes = 21.5


def changed_after_signing(draft: Draft) -> None:
    draft.tamper_report = lambda report: report.model_copy(update={"title": f"{report.title} "})


def forged(draft: Draft) -> None:
    def forge(report: Report) -> Report:
        assert report.signature is not None
        return report.model_copy(update={"signature": report.signature.model_copy(update={"value": "AAAA"})})

    draft.tamper_report = forge


def another_key(draft: Draft) -> None:
    draft.signature = {"public_key": "AAAA"}


def asked_before(draft: Draft, times: int = 2) -> None:
    one = Report.model_validate({**draft.report, "signature": None})
    draft.earlier = [one] * times


def amended(draft: Draft) -> None:
    draft.report |= {"status": "amended", "version": 3, "predecessor": "report-1d-v2"}


def amended_from_another(draft: Draft) -> None:
    amended(draft)
    draft.report["predecessor_sha256"] = "e" * 64
    filed = {"report": "report-1d", "version": 2, "status": "final", "files": [], "document_sha256": "d" * 64,
             "signature": {}}  # fmt: skip
    now_too("report-signed", "ada", 19.5, **filed)(draft)


def final_after_final(draft: Draft) -> None:
    amended_from_another(draft)
    draft.report |= {"status": "final", "predecessor": ""}


def failed(name: str, what: str) -> Callable[[Draft], None]:
    def change(draft: Draft) -> None:
        draft.verified = Verification((Check(name, (what,)),))

    return change


def of_another_patient(draft: Draft) -> None:
    other = identity_sha256(SALT, Patient("Roe^Richard", "A2", "", "19800101", "M"))
    draft.entry("source-added").data["identity_sha256"] = other


def another_study_of_runs(draft: Draft) -> None:
    draft.entry("run-done").data["outputs"].append(output("mesh", "Mesh"))


def as_single_pictures(draft: Draft) -> None:
    """The archive takes no film: it has the frames, and commits itself to them."""
    row = draft.entry("archive-sent").data["instances"][0]
    committed = draft.entry("archive-committed").data["committed"]
    committed.remove(row["sop_instance_uid"])
    row["sent_as"] = ["1.2.3.6.1", "1.2.3.6.2"]
    committed.extend(row["sent_as"])


def urgent(draft: Draft) -> None:
    draft.report["order"] |= {"urgent": True, "document_sha256": ""}


def cleared(status: str) -> Callable[[Draft], None]:
    """Record a regulatory status, in the log and in the report."""
    return both(put(workstation__cleared=status), enter("case-created", workstation__cleared=status))


not_cleared = cleared("not cleared")

NAMELESS = {"id": "ada", "name": " ", "role": "physician", "credentials": "MD", "npi": "1234567893"}
URGENT = {"to": "Dr. Ferrer", "at": at(2), "what": "fracture"}

BREAKS = (
    Break("R001", "no date of birth", put(patient__birth_date=""), "E"),
    Break("R001", "source of another patient", of_another_patient, "E"),
    Break("R002", "no study", put(base_study__study_uid=""), "E"),
    Break("R002", "source of another study", enter("source-added", study_uid="9.9"), "E"),
    Break("R002", "no source", without("source-added"), "E"),
    Break("R003", "neither accession nor procedure", put(base_study__accession="", base_study__procedure=""), "E"),
    Break("R003", "no accession", put(base_study__accession=""), "W"),
    Break("R004", "a radiograph", put(base_study__modality="DX"), "E"),
    Break("R004", "no modality", put(base_study__modality=""), "E"),
    Break("R004", "an unknown modality", put(base_study__modality="OPT"), "W"),
    Break("R005", "no base code", put(base_study__cpt=""), "E"),
    Break("R006", "CT angiography", put(base_study__cpt="74175"), "E"),
    Break("R006", "within a range", put(base_study__cpt="78608"), "E"),
    Break("R006", "unknown to the table", put(base_study__cpt="99999"), "W"),
    Break("R006", "payers differ", put(base_study__cpt="74183"), "W"),
    Break("R007", "both codes", put(coding__also_claimed=["76376"]), "E"),
    Break("R008", "no time", put(base_study__performed=""), "E"),
    Break("R008", "a date alone", put(base_study__performed="20260131"), "E"),
    Break("R008", "before the base study", put(base_study__performed="20260301 094107"), "E"),
    Break("R008", "nothing computed", without("run-done"), "E"),
    Break("R009", "not interpreted", put(base_study__report_id="", base_study__report_status=""), "E"),
    Break("R009", "pending", put(base_study__report_status="pending"), "W"),
    Break("R010", "no order", both(without("order-recorded"), put(order={})), "E", OFFICE),
    Break("R010", "no order in a hospital", both(without("order-recorded"), put(order={})), "W"),
    Break("R010", "no copy of it", put(order__document_sha256=""), "E", OFFICE),
    Break("R010", "no NPI", put(order__npi=""), "E", OFFICE),
    Break("R011", "no order, no finding",
          both(put(order={}), enter("text-recorded", {"field": "necessity"}, positive_finding="")), "E"),
    Break("R011", "no order, no statement", put(order={}, necessity=None), "E"),
    Break("R011", "no order, not a physician's statement",
          both(put(order={}), by("tom", "text-recorded", field="necessity")), "E"),
    Break("R012", "nobody told", urgent, "E", OFFICE),
    Break("R012", "need not told", both(urgent, now_too("communication-recorded", "ada", 6.5, **URGENT)), "E", OFFICE),
    Break("R012", "no time of the study", both(urgent, put(base_study__performed=""), now_too("communication-recorded",
          "ada", 6.5, **URGENT, specific_need="bleeding")), "E", OFFICE),
    Break("R013", "no question", put(question=None), "E"),
    Break("R013", "two words", put(question=written("Fracture displaced?")), "E"),
    Break("R013", "a set phrase", put(question=written("3D requested by referrer.")), "E"),
    Break("R013", "asked word for word before", asked_before, "W"),
    Break("R014", "no necessity", put(necessity=None), "E"),
    Break("R014", "generated", put(necessity={"text": "3D is necessary.", "origin": "generated"}), "E"),
    Break("R014", "no reason from the list", put(necessity_reason="because"), "E"),
    Break("R015", "another indication", put(question=written("How large is the liver?"), necessity=written("Volume."),
          impression=written("The liver is large."), coding__icd10=["R16.0"]), "W", COMMERCIAL),
    Break("R015", "no management depends on it", put(necessity=written("Overlap.")), "E", "anthem-cg-med-51"),
    Break("R016", "not considered", put(considered=None), "W"),
    Break("R016", "not considered, under Anthem", put(considered=None), "E", "anthem-cg-med-51"),
    Break("R017", "no diagnosis code", put(coding__icd10=[]), "W"),
    Break("R017", "no diagnosis code, commercial", put(coding__icd10=[]), "E", COMMERCIAL),
    Break("R017", "not of the form", put(coding__icd10=["fracture"]), "W"),
    Break("R018", "needles", put(coding__purpose="mapping of biopsy sites"), "E"),
    Break("R018", "needles in the question", put(question=written("Where in the acetabulum is the needle?")), "W"),
    Break("R019", "no authorisation", put(coding__prior_authorisation=""), "W", COMMERCIAL),
    Break("R020", "not said", put(workstation__statement="On a computer."), "E"),
    Break("R020", "not independent", put(workstation__independent=False), "E"),
    Break("R020", "not independent by the log", enter("case-created", workstation__independent=False), "E"),
    Break("R020", "denied", put(workstation__statement="On no independent workstation."), "E"),
    Break("R021", "no build", put(workstation__build_sha256=""), "E"),
    Break("R021", "another build", put(workstation__build_sha256="f" * 64), "E"),
    Break("R022", "same serial number", enter("case-created", workstation__serial="1"), "E"),
    Break("R022", "same station name", enter("case-created", workstation__id="CT"), "E"),
    Break("R022", "same make", enter("case-created", workstation__manufacturer="Maker", workstation__model="Scanner 7"),
          "E"),
    Break("R022", "unknown scanner", enter("source-added", equipment={}), "W"),
    Break("R023", "console", enter("coding-recorded", rendering_host="console"), "E"),
    Break("R023", "not recorded",
          both(enter("coding-recorded", rendering_host=""), enter("case-created", workstation__host_kind="")), "E"),
    Break("R024", "not cleared", not_cleared, "E"),
    Break("R024", "not cleared, commercial", not_cleared, "W", COMMERCIAL),
    Break("R024", "not recorded", put(workstation__cleared=""), "E", OFFICE),
    Break("R024", "no number", cleared("yes"), "E"),
    Break("R024", "another than in the log", put(workstation__cleared="K999999"), "E"),
    Break("R030", "nobody", unsealed, "E"),
    Break("R030", "no name", enter("session-started", person=NAMELESS), "E"),
    Break("R030", "no NPI", person("ada", npi=""), "E"),
    Break("R030", "another degree", person("ada", credentials="PA-C"), "E"),
    Break("R030", "another degree, commercial", person("ada", credentials="PA-C"), "W", COMMERCIAL),
    Break("R031", "before the session", lambda d: d.trace(lambda t: replace(t, started_utc=at(-90)))
          or setattr(d.entry("run-done"), "minutes", -60), "E"),
    Break("R031", "nothing computed", without("run-done"), "E"),
    Break("R032", "no region", without("decision", element="region"), "E"),
    Break("R032", "by the technologist", by("tom", "decision", element="region"), "E"),
    Break("R032", "about another run",
          lambda d: setattr(d.entry("decision", element="region"), "about", ("run-0002",)), "E"),
    Break("R033", "no tissue", without("decision", element="tissue"), "E"),
    Break("R033", "by the technologist", by("tom", "decision", element="tissue"), "E"),
    Break("R034", "by the technologist", by("tom", "decision", element="archive"), "E"),
    Break("R034", "one image left out",
          lambda d: setattr(d.entry("decision", element="archive"), "about", IMAGES[:1]), "E"),
    Break("R034", "rejected by the physician, selected by the technologist",
          both(now_too("decision", "ada", 14.2, IMAGES, element="archive", what="reject"),
               now_too("decision", "tom", 14.4, IMAGES, element="archive", what="select")), "E"),
    Break("R034", "nothing archived", put(images=[]), "E"),
    Break("R035", "not reviewed", without("decision", what="reviewed"), "E"),
    Break("R035", "no adjustment", without("decision", what="adjusted"), "E"),
    Break("R035", "by the technologist", both(by("tom", "decision", what="reviewed"),
          by("tom", "decision", what="adjusted")), "E"),
    Break("R035", "a run without review", second_run, "W"),
    Break("R036", "no attestation", put(attestation=None), "E"),
    Break("R036", "other words than entered", put(attestation=written("I was there.")), "E"),
    Break("R036", "withdrawn", lambda d: d.closing.insert(1, Entry("correction", "ada", 22.5,
          {"of": len(d.entries), "reason": "x"})), "E"),
    Break("R037", "a program alone", unsealed, "E"),
    Break("R037", "a trial without a session", trial_by_a_program, "W"),
    Break("R037", "a seal on another trace", sealed_otherwise, "E"),
    Break("R037", "a technologist's seal", lambda d: setattr(d, "supervisor", "tom"), "E"),
    Break("R038", "an edited line", edited_log, "E"),
    Break("R038", "an edited line, research", edited_log, "E", RESEARCH),
    Break("R038", "the head of another log", put(integrity__log_head="f" * 64), "E"),
    Break("R038", "found by verification", failed("chain", "line 7 was cut"), "E"),
    Break("R038", "no anchor", without("anchored"), "W"),
    Break("R039", "all at once", at_once, "W"),
    Break("R039", "just before signing", just_before_signing, "W"),
    Break("R03A", "another's signature", borrowed_login, "E"),
    Break("R03A", "an uncertified key", uncertified, "E"),
    Break("R03A", "found by verification", failed("signatures", "event 3"), "E"),
    Break("R040", "nobody", unattributed, "E"),
    Break("R040", "a physicist", both(by("phil", "run-done"), now_too("session-started", "phil", 3.5)), "W"),
    Break("R041", "nobody", both(unsigned, by("tom", "text-recorded", field="impression")), "E"),
    Break("R041", "another physician", both(now_too("session-started", "bea", 3.5),
          lambda d: setattr(d, "signer", "bea"), lambda d: setattr(d.closing[1], "who", "bea")), "W"),
    Break("R042", "no component", put(coding__component=""), "I"),
    Break("R050", "reformats alone", only_reformats, "E"),
    Break("R050", "only a reformat archived", both(lambda d: d.step("mip", operation="mpr"), line(unit="mm"),
          lambda d: d.report["images"].pop(), lambda d: d.report["measurements"].clear()), "W"),
    Break("R051", "a fly-through that was not", says("On the 3D fly-through it is clear."), "E"),
    Break("R051", "a surface that was not", says("A shaded surface display was made.", "added_value"), "E"),
    Break("R051", "cinematic where it was plain", says("3D cinematic rendering shows it."), "E"),
    Break("R051", "a statement without its step",
          lambda d: d.report["technique"][0].update({"steps": ["run-0009/mip"]}), "E"),
    Break("R051", "a statement on another operation",
          lambda d: d.report["technique"][0].update({"operation": "surface"}), "E"),
    Break("R051", "a step that is not told", lambda d: d.report["technique"].pop(), "W"),
    Break("R052", "2D MIP", says("The 2D MIP shows it."), "W"),
    Break("R052", "MIP without 3D", says("The MIP shows it."), "W"),
    Break("R052", "3D reformats", says("3D reformats show it."), "W"),
    Break("R053", "no spacing", put(**{"source__Pixel spacing": ""}), "E"),
    Break("R053", "another series", put(base_study__series_uids=["9"]), "E"),
    Break("R053", "no kernel", put(source__Kernel=""), "W"),
    Break("R053", "no contrast agent", put(**{"source__Contrast agent": ""}), "I"),
    Break("R054", "a parameter is gone", lambda d: d.step("mip", parameters={"preset": "ct-bone"}), "E"),
    Break("R054", "no step made it", lambda d: d.report["images"].append({**image(3, "mip"), "id": "run-0001/x.dcm"}),
          "E"),
    Break("R055", "not said how", lambda d: d.report["structures"][0].update({"how": ""}), "E"),
    Break("R055", "no version", lambda d: d.trace(lambda t: replace(t, versions={})), "E"),
    Break("R055", "nobody", unattributed, "E"),
    Break("R056", "a warning not told", put(limitations=[{"text": "The patient moved."}]), "W"),
    Break("R056", "thick slices", put(**{"source__Slice thickness": "5.000 mm"}), "W"),
    Break("R060", "no findings", put(findings=[]), "E"),
    Break("R060", "only numbers", lambda d: d.report["findings"][0].update({"texts": []}), "E"),
    Break("R061", "no structures", put(structures=[]), "E"),
    Break("R062", "no impression", put(impression=None), "E"),
    Break("R062", "the technologist's", by("tom", "text-recorded", field="impression"), "E"),
    Break("R062", "another subject", put(impression=written("Normal lungs.")), "I"),
    Break("R063", "not stated", put(added_value=None), "E"),
    Break("R064", "no unit", line(unit=""), "E"),
    Break("R064", "no definition", line(definition=""), "E"),
    Break("R064", "no step", line(step="run-0001/none"), "E"),
    Break("R064", "not a measuring step", line(step="run-0001/mip"), "E"),
    Break("R064", "no uncertainty", line(uncertainty=None), "W"),
    Break("R065", "no limitations", put(limitations=[]), "W"),
    Break("R065", "critical, to nobody", put(communications=[{"to": "", "what": "bleeding", "critical": True}]), "W"),
    Break("R065", "flagged, not told", enter("text-recorded", {"field": "findings"}, critical=True), "W"),
    Break("R066", "no id", put(report_id=""), "E"),
    Break("R066", "the base report's id", put(report_id="R-1"), "E"),
    Break("R066", "another title", put(title="CT of the pelvis"), "E"),
    Break("R070", "nothing", put(images=[]), "E"),
    Break("R070", "no DICOM", picture(sop_instance_uid=""), "E"),
    Break("R070", "another hash", picture(sha256="f" * 64), "E"),
    Break("R071", "not selected any more",
          now_too("decision", "ada", 14.5, IMAGES[:1], element="archive", what="reject"), "E"),
    Break("R071", "not in the report", lambda d: d.report["images"].pop(), "E"),
    Break("R071", "sent though rejected, research",
          both(lambda d: d.report["images"].pop(),
               now_too("decision", "ada", 14.5, IMAGES[1:], element="archive", what="reject")), "E", RESEARCH),
    Break("R072", "not sent", without("archive-sent"), "E"),
    Break("R072", "refused", lambda d: d.entry("archive-sent").data["instances"][0].update({"status": "A700"}), "E"),
    Break("R072", "coerced", lambda d: d.entry("archive-sent").data["instances"][0].update({"status": "B000"}), "W"),
    Break("R072", "another file was sent",
          lambda d: d.entry("archive-sent").data["instances"][0].update({"sha256": "f" * 64}), "E"),
    Break("R072", "not committed", without("archive-committed"), "W"),
    Break("R073", "no view", lambda d: d.report["findings"][0].update({"images": []}), "W"),
    Break("R073", "only a reformat", lambda d: d.step("mip", operation="mpr") or d.step("bone", operation="mpr"), "W"),
    Break("R080", "a draft", unsigned, "E"),
    Break("R080", "no credentials", person("ada", credentials=""), "E"),
    Break("R080", "unknown to the log", lambda d: d.closing.pop(), "E"),
    Break("R080", "in another's name", lambda d: setattr(d, "signature", {"person": "bea"}), "E"),
    Break("R080", "another key", another_key, "E"),
    Break("R081", "changed after signing", changed_after_signing, "E"),
    Break("R081", "a forged signature", forged, "E"),
    Break("R081", "another trace", put(integrity__trace_sha256=["f" * 64]), "E"),
    Break("R081", "no replay", without("verified"), "E"),
    Break("R081", "no replay, research", without("verified"), "E", RESEARCH),
    Break("R081", "a replay before the run", lambda d: d.entries.insert(6, d.entries.pop(
          next(n for n, e in enumerate(d.entries) if e.kind == "verified"))), "E"),
    Break("R081", "a replay that failed", enter("verified", checks=[{"name": "replay", "ok": False}]), "E"),
    Break("R081", "found by verification", failed("replay", "run-0001, step mip"), "E"),
    Break("R082", "no predecessor in the log", amended, "E"),
    Break("R082", "another predecessor", amended_from_another, "E"),
    Break("R082", "final a second time", final_after_final, "E"),
    Break("R090", "not recorded", put(coding__units=None), "E"),
    Break("R090", "none", put(coding__units=0), "E"),
    Break("R090", "two units for one region", put(coding__units=2, coding__regions=["hip"]), "E"),
    Break("R090", "two regions", put(coding__units=2, coding__regions=["hip", "ankle"]), "W"),
    Break("R091", "with a printed model", put(coding__also_claimed=["0559T"]), "E"),
    Break("R091", "a mesh in the case", another_study_of_runs, "W"),
    Break("R092", "no setting", put(coding__setting=""), "I"),
    Break("R092", "packaged", put(coding__setting="opps"), "I"),
    Break("R092", "another setting than the profile's", put(coding__setting="non-hospital"), "I"),
    Break("R093", "over the limit", enter("coding-recorded", practice_share_percent=21), "W"),
)  # fmt: skip

HEALS = (
    Break("R010", "urgent, told in full", both(urgent, now_too("communication-recorded", "ada", 6.5, **URGENT,
          specific_need="bleeding")), "", OFFICE),
    Break("R012", "urgent, told in full", both(urgent, now_too("communication-recorded", "ada", 6.5, **URGENT,
          specific_need="bleeding")), "", OFFICE),
    Break("R013", "asked once before", lambda d: asked_before(d, 1), ""),
    Break("R019", "authorised", put(coding__prior_authorisation="PA-1"), "", COMMERCIAL),
    Break("R035", "reviewed, no change needed", both(without("decision", element="review"),
          now_too("decision", "ada", 12, ("run-0001",), element="review", what="no-change-needed")), ""),
    Break("R051", "denied", says("No fly-through was made. A shaded surface display was not obtained."), ""),
    Break("R052", "said with 3D", says("On the 3D MIP it is clear."), ""),
    Break("R034", "archived as PNG too",
          lambda d: d.report["images"].append({**image(1, "mip"), "id": IMAGES[0], "file": "mip.png"}), ""),
    Break("R072", "stored by STOW", lambda d: [r.update({"status": 200})
          for r in d.entry("archive-sent").data["instances"]], ""),
    Break("R072", "a film as single pictures", as_single_pictures, ""),
    Break("R073", "a finding that names no structure",
          lambda d: d.report["findings"].append({"structure": "General", "texts": [written("Normal.")]}), ""),
    Break("R081", "a replay now", both(without("verified"),
          lambda d: setattr(d, "verified", Verification((Check("replay"),)))), ""),
    Break("R008", "in another time zone", put(base_study__performed="20260201 230000"), ""),
    Break("R008", "as ISO", put(base_study__performed="2026-02-01T08:00:00+00:00"), ""),
)  # fmt: skip
"""Changes that a rule must bear: none of its findings is an error, nor a warning."""
