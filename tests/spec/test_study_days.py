"""Where a centre gives days and no dates, no reader meets the fictitious dates they are computed as.

The study is the AML example with two invented centres: AMLSG counts days from diagnosis, EAST gives real dates; both
patients have the same course: remission 30 days after diagnosis, relapse 130 and death 230.
"""

from __future__ import annotations

import csv
import datetime as dt
import re
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from chartline.assertions.model import Assertion, Breach, Verdict
from chartline.core.study_days import StudyDays
from chartline.errors import MappingError, OverrideError
from chartline.pipeline import run_study
from chartline.study import StudyRun
from chartline.timelines import write_timeline
from chartline.trace.explain import explain_subject
from chartline.trace.told_days import told_verdicts
from parted import run_unreported

EXAMPLE = Path(__file__).parents[2] / "examples" / "aml-amlsg-0704"
FICTITIOUS = re.compile(r"(1999|200[0-9])-\d\d-\d\d")
HEAD = (
    "PDID,TypeAML,M_Risk,AOD,Center,ERDate,TPL_type,Date_LF,CR_date,Recurrence_date,TPL_date,TPL_Phase,Status,HB,"
    "platelet,wbc,gender,BM_Blasts,Performance_ECOG\n"
)
DAYS = """\
P1,AML,Favorable,40,1,0,,230,30,130,,,1,9.1,50,10,1,80,1
P2,AML,Inter-1,50,1,0,,425,25,500,,,1,8.0,60,20,2,70,0
"""
# 2019-03-01 + 30 days is 31 March, + 130 is 9 July (31 + 30 + 31 + 30 = 122 to 1 July), + 230 is 17 October.
DATES = "E1,AML,Favorable,40,2,2019-03-01,,2019-10-17,2019-03-31,2019-07-09,,,1,9.1,50,10,1,80,1\n"
OVERRIDES = """\
subject,item,date,term,derived,value,by,on,reason
P1,RELDT,,,day 130,day 120,A. Reviewer,2024-01-05,letter of 2002-02-01
E1,RELDT,,,2019-07-09,2019-06-29,A. Reviewer,2024-01-06,letter
"""


def study(to: Path, overrides: str = OVERRIDES, east: Callable[[str], str] = str) -> Path:
    """The example with a second centre whose mapping is the first's without its days."""
    home = to / "study"
    shutil.copytree(EXAMPLE, home, ignore=shutil.ignore_patterns("data"))
    for folder, rows in (("data", DAYS), ("east", DATES)):
        (home / folder).mkdir()
        (home / folder / "amlsg0704.csv").write_text(HEAD + rows, encoding="utf-8")
    ours = (home / "mappings" / "amlsg0704.yaml").read_text(encoding="utf-8")
    theirs = re.sub(r"days_from:\n.*\n", "dates: {order: ISO}\n", ours).replace(", days_after: diagnosis", "")
    theirs = theirs.replace("centre: AMLSG", "centre: EAST").replace("label: AMLSG 07-04", "label: East")
    (home / "mappings" / "east.yaml").write_text(east(theirs), encoding="utf-8")
    protocol = (home / "protocol.yaml").read_text(encoding="utf-8")
    first = "    - {id: AMLSG, label: AMLSG 07-04, folder: data, mapping: mappings/amlsg0704.yaml}\n"
    second = "    - {id: EAST, label: East, folder: east, mapping: mappings/east.yaml}\n  overrides: overrides.csv\n"
    assert first in protocol
    protocol = protocol.replace(first, first + second).replace("patient_level: false", "patient_level: true")
    (home / "protocol.yaml").write_text(protocol, encoding="utf-8")
    (home / "overrides.csv").write_text(overrides, encoding="utf-8")
    return home


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> StudyRun:
    to = tmp_path_factory.mktemp("days")
    return run_study(study(to), to / "out")


def because(run: StudyRun, subject: str, item: str) -> str:
    told = pl.read_parquet(run.out / "trace.parquet").filter(USUBJID=subject, ITEM=item)
    return str(told["BECAUSE"][0])


def test_a_sentence_tells_the_day_that_stands_in_the_file(run: StudyRun) -> None:
    assert because(run, "P1", "ADSL.BOR") == "Counted as CR: recorded by the treating team as CR on day 30"
    assert because(run, "P1", "ADTTE.OS") == "Event: death on day 230, 230 days after diagnosis on day 0"


def test_days_are_counted_from_what_day_0_is(run: StudyRun) -> None:
    assert because(run, "P1", "ADSL.TTRESP") == "CR on day 30, 30 days after the diagnosis"
    assert because(run, "P1", "ADSL.HSCTSTAT") == "no transplantation recorded after the diagnosis"


def test_the_other_centre_keeps_its_dates(run: StudyRun) -> None:
    assert because(run, "E1", "ADSL.BOR") == "Counted as CR: recorded by the treating team as CR on 2019-03-31"
    assert because(run, "E1", "ADTTE.OS") == "Event: death on 2019-10-17, 230 days after diagnosis on 2019-03-01"


def test_both_are_computed_alike(run: StudyRun) -> None:
    times = run.adam["ADTTE"].filter(pl.col("PARAMCD") == "OS").select("USUBJID", "AVAL").rows()
    assert dict(times) == {"P1": 230, "E1": 230}  # P2 contradicts itself and is withheld
    assert run.adam["ADSL"].filter(USUBJID="P1")["DTHDT"].item() == dt.date(2000, 8, 18)  # 230 days after 2000-01-01


def test_explain_tells_days(run: StudyRun) -> None:
    lines = list(explain_subject(run.out, "P1", None))
    told = [line for line in lines if line.startswith(("ADSL.TRTSDT ", "ADSL.DTHDT "))]
    assert [line.split()[1:3] for line in told] == [["day", "0"], ["day", "230"]]
    assert not [line for line in lines if FICTITIOUS.search(line.replace("letter of 2002-02-01", ""))]


def test_a_query_and_its_workbook_tell_days(run: StudyRun) -> None:
    """P2 relapsed on day 500, after the death on day 425."""
    with (run.out / "queries.csv").open(encoding="utf-8") as f:
        asked = [q for q in csv.DictReader(f) if q["subject"] == "P2" and q["rule"] == "after_death"]
    [q] = asked
    assert q["saw"] == "Date of death: day 425; Last known alive: day 425; Relapse: day 500"
    assert "day 425" in q["message"]
    assert "A date is answered as a number of days, as the file has it." in q["ask"]
    assert "day, month and year" not in q["ask"]
    assert not FICTITIOUS.search("".join(q.values()))
    with zipfile.ZipFile(run.out / "queries" / "AMLSG.xlsx") as book:
        words = book.read("xl/sharedStrings.xml").decode()
    assert "Relapse: day 500" in words
    assert not FICTITIOUS.search(words)


def test_a_timeline_has_days_alone(run: StudyRun, tmp_path: Path) -> None:
    page = write_timeline(run.out, "P1", tmp_path / "p.html").read_text(encoding="utf-8")
    assert not FICTITIOUS.search(page.replace("letter of 2002-02-01", ""))
    assert "<th>Date</th>" not in page
    assert "<dt>Diagnosis</dt><dd>day 0</dd>" in page
    assert "the sentences tell days from diagnosis" in page
    assert " 00<" not in page  # the axis has no date such as 1 Jan 00
    real = write_timeline(run.out, "E1", tmp_path / "e.html").read_text(encoding="utf-8")
    assert "<th>Date</th>" in real
    assert "<dt>Diagnosis</dt><dd>2019-03-01</dd>" in real


def test_the_report_tells_days_and_whose_they_are(run: StudyRun) -> None:
    html = (run.out / "report.html").read_text(encoding="utf-8")
    assert not FICTITIOUS.search(html.replace("letter of 2002-02-01", ""))
    assert "day 120" in html
    assert "2019-06-29" in html
    words = re.sub(r"\s+", " ", html)
    assert "The times of AMLSG 07-04 are days from diagnosis, as the data give them" in words


def test_an_override_is_written_and_told_in_days(run: StudyRun) -> None:
    """The relapse moves from day 130 to 120; the days of review and what the reviewer wrote are real."""
    with (run.out / "overrides.csv").open(encoding="utf-8") as f:
        line = {r["USUBJID"]: r for r in csv.DictReader(f) if r["ITEM"] == "ADSL.RELDT"}
    assert (line["P1"]["VALUE"], line["P1"]["DERIVED"], line["P1"]["SETON"]) == ("day 120", "day 130", "2024-01-05")
    assert (line["E1"]["VALUE"], line["E1"]["DERIVED"]) == ("2019-06-29", "2019-07-09")
    assert line["P1"]["BECAUSE"] == "set by A. Reviewer on 2024-01-05: letter of 2002-02-01"
    assert because(run, "P1", "ADSL.RELDT").startswith(
        "day 120, set by A. Reviewer on 2024-01-05: letter of 2002-02-01; derived day 130 because"
    )
    assert not [q for q in run.study.queries if q.rule.startswith("override")]  # what was seen is what is derived
    rfs = run.adam["ADTTE"].filter(pl.col("PARAMCD") == "RFS", pl.col("USUBJID") == "P1")
    assert rfs["AVAL"].to_list() == [90]  # from the remission on day 30 to 120


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("P1,RELDT,,,,2000-04-30,A,2024-01-05,why", "the centre counts days and gives no dates"),
        ("E1,RELDT,,,,day 120,A,2024-01-05,why", "the centre gives dates"),
        ("P1,OVR,day 31,,,NE,A,2024-01-05,why", "P1 has no assessment of day 31"),
    ],
)
def test_an_override_speaks_as_the_centre_does(tmp_path: Path, line: str, says: str) -> None:
    home = study(tmp_path, OVERRIDES.splitlines()[0] + "\n" + line + "\n")
    with pytest.raises(OverrideError, match=says) as fault:
        run_unreported(home, tmp_path / "out")
    assert not FICTITIOUS.search(str(fault.value).replace("`2000-04-30`", ""))


def test_a_breached_assertion_tells_the_patients_days(run: StudyRun) -> None:
    breaches = (Breach("P1", "2000-01-31 and 2000-01-21"), Breach("E1", "2019-03-31"), Breach("", "3 and 4"))
    [v] = told_verdicts(
        [Verdict(Assertion("a", "Holds."), "x", "breached", 3, breaches)], run.adam, run.study.data.study_days
    )
    assert [b.numbers for b in v.breaches] == ["day 30 and day 20", "2019-03-31", "3 and 4"]


def test_dates_and_days_cannot_be_read_of_one_centre(tmp_path: Path) -> None:
    def both(mapping: str) -> str:
        return mapping.replace("dates: {order: ISO}\n", "days_from: {dx: {label: diagnosis, day: 2000-01-01}}\n")

    with pytest.raises(MappingError, match="this centre counts days"):
        run_unreported(study(tmp_path, east=both), tmp_path / "out")


# the words themselves -----------------------------------------------------------------------------------------------

ONE = StudyDays({"A": {"diagnosis": dt.date(2000, 1, 1)}}, real=("by X on 2024-01-05: seen",))
TWO = StudyDays({"A": {"diagnosis": dt.date(2000, 1, 1), "relapse": dt.date(2060, 1, 1)}})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("on 2000-01-01", "on day 0"),
        ("on 1999-12-31 (2000-02-05)", "on day -1 (day 35)"),  # 31 days of January and 4 more
        ("set by X on 2024-01-05: seen; derived 2000-02-05", "set by X on 2024-01-05: seen; derived day 35"),
        ("2000-13-40, 12000-01-01, 2000-01", "2000-13-40, 12000-01-01, 2000-01"),  # none of these is a day
    ],
)
def test_every_date_of_the_centre_is_told_as_a_day(text: str, told: str) -> None:
    assert ONE.text("A", text) == told
    assert ONE.text("B", text) == text
    frame = pl.DataFrame({"CENTRE": ["A", "B", "A"], "BECAUSE": [text, text, None]})
    assert ONE.texts(frame, "BECAUSE", "WHY")["BECAUSE"].to_list() == [told, text, None]


def test_a_day_is_of_the_nearest_event_where_there_are_several() -> None:
    assert TWO.day("A", dt.date(2000, 2, 5)) == "day 35 from diagnosis"
    assert TWO.day("A", dt.date(2059, 12, 31)) == "day -1 from relapse"
    assert TWO.date("A", "day -1 from relapse") == dt.date(2059, 12, 31)
    assert TWO.date("A", "day 35") is None  # from which event?
    assert ONE.date("A", "day 35") == dt.date(2000, 2, 5)
    assert ONE.date("B", "day 35") is None


def test_a_day_beyond_the_calendar_is_none() -> None:
    assert ONE.date("A", "day 9999999") is None
