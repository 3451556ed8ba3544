"""Pulling a project from REDCap: the same tables as an export by hand, and nothing lost, doubled or told on a bad day.

The server is `redcap_server.py`: loopback, one project, the synthetic centre C of the reference study.
"""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import redcap_server as faults
from redcap_server import TOKEN, RedcapServer
from typer.testing import CliRunner

from chartline.errors import SourceError
from chartline.sources import redcap_api, redcap_pull
from chartline.sources.read import read_centre
from chartline.sources.redcap_api import RedcapApi
from chartline.sources.redcap_pull import RECORD, WORK, Pulled, Wanted, pull
from chartline.sources.spec import SourceSpec

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "inotuzumab-india"
CENTRE = EXAMPLE / "centres" / "centre_C"
SPEC = SourceSpec(kind="redcap", records="data.csv", dictionary="dictionary.csv")
HEAD = "field_name,form_name,field_type,select_choices_or_calculations\n"
ADDRESS = ("--url", "https://redcap.example.org/api/")


@pytest.fixture
def server() -> Iterator[RedcapServer]:
    with RedcapServer(*faults.example(CENTRE)) as running:
        yield running


@pytest.fixture
def waits() -> list[float]:
    """The pauses that were made; nobody really waits."""
    return []


@pytest.fixture
def api(server: RedcapServer, waits: list[float]) -> RedcapApi:
    return RedcapApi(server.url, TOKEN, waits.append)


def wanted(folder: Path, **options: object) -> Wanted:
    return Wanted(folder, "data.csv", "dictionary.csv", **{"batch": 3, **options})  # type: ignore[arg-type]


# ---------------------------------------------------------------- what comes


def test_the_tables_are_those_of_an_export_by_hand(api: RedcapApi, server: RedcapServer, tmp_path: Path) -> None:
    done = pull(api, wanted(tmp_path))
    hand = SourceSpec(kind="redcap", records="SynInO_DATA.csv", dictionary="SynInO_DataDictionary.csv")
    by_hand = read_centre(CENTRE, [hand], {"*.md": "", "*.txt": "", "*.xml": ""})
    pulled = read_centre(tmp_path, [SPEC])  # redcap_pull.json need not be listed as ignored
    assert list(pulled.tables) == list(by_hand.tables)
    for name, table in by_hand.tables.items():
        assert pulled.tables[name].frame.equals(table.frame), name
        assert list(pulled.tables[name].row_labels) == list(table.row_labels)
    records = len({row["record_id"] for row in server.rows})
    assert (done.records, done.rows, done.kept) == (records, len(server.rows), 0)
    assert len(server.asked("record")) == 2 + -(-records // 3)  # the list of ids before and after, and the batches


def test_when_from_where_and_by_which_version(api: RedcapApi, server: RedcapServer, tmp_path: Path) -> None:
    pull(api, wanted(tmp_path))
    told = json.loads((tmp_path / RECORD).read_text())
    assert (told["project_id"], told["project_title"], told["redcap_version"]) == ("77", "Synthetic", "14.5.5")
    assert told["server"] == server.url
    assert told["pulled_from"] <= told["pulled_until"] and told["pulled_until"].endswith("+00:00")
    assert [one["unique_event_name"] for one in told["events"]] == list(
        dict.fromkeys(row["redcap_event_name"] for row in server.rows)
    )
    assert {one["instrument_name"] for one in told["instruments"]} == {f["form_name"] for f in server.fields}
    assert told["repeating"] == [{"form_name": "labs"}]
    assert read_centre(tmp_path, [SPEC]).files == told["files"]


def test_a_classic_project_is_not_asked_for_events(tmp_path: Path) -> None:
    dictionary = HEAD + "id,base,text,\nnote,base,notes,\n"
    records = 'id,note,base_complete\n1,"a, ""b""\r\nc",2\n007,Zoë,0\n'
    with RedcapServer(records, dictionary) as server:
        pull(RedcapApi(server.url, TOKEN, lambda seconds: None), wanted(tmp_path))
        assert not server.asked("event") and not server.asked("repeatingFormsEvents")
    table = read_centre(tmp_path, [SPEC]).tables["base"]
    assert table.frame.rows() == [("1", 'a, "b"\r\nc', "2"), ("007", "Zoë", "0")]


def test_a_batch_without_repeated_forms_does_not_shift_columns(tmp_path: Path) -> None:
    """REDCap leaves the columns of repetition out where no row of the answer has any (REDCapR, issue 143)."""
    dictionary = HEAD + "id,base,text,\nsex,base,text,\nsys,bp,text,\n"
    records = "id,redcap_repeat_instrument,redcap_repeat_instance,sex,base_complete,sys,bp_complete\n"
    records += "1,,,m,2,,\n2,,,f,2,,\n2,bp,1,,,110,2\n"

    def bare(request: dict[str, str], answer: faults.Answer) -> faults.Answer:
        rows = [{k: v for k, v in row.items() if "repeat" not in k} for row in json.loads(answer[2])]
        return answer[0], answer[1], json.dumps(rows).encode()

    with RedcapServer(records, dictionary) as server:
        server.faults = [None] * 5 + [bare]  # project, version, metadata (twice: PyCap's own), ids, first batch
        pull(RedcapApi(server.url, TOKEN, lambda seconds: None), wanted(tmp_path, batch=1))
        assert [r.get("records[0]") for r in server.asked("record")] == [None, "1", "2", None]
    assert (tmp_path / "data.csv").read_text() == records


def test_an_empty_project_has_its_columns(tmp_path: Path) -> None:
    dictionary = HEAD + "id,base,text,\n"
    with RedcapServer("id,base_complete\n1,2\n", dictionary) as server:
        server.answer = lambda request, own=server.answer: (  # type: ignore[method-assign]
            (200, {}, b"[]") if request["content"] == "record" else own(request)
        )
        done = pull(RedcapApi(server.url, TOKEN, lambda seconds: None), wanted(tmp_path))
    assert (done.records, (tmp_path / "data.csv").read_text()) == (0, "id,base_complete\n")


def test_uploaded_files_get_names_of_ours(tmp_path: Path) -> None:
    dictionary = HEAD + "id,base,text,\nscan,base,file,\n"
    with RedcapServer("id,scan,base_complete\n../../x,scan.pdf,2\n2,,0\n", dictionary) as server:
        server.documents = {("../../x", "scan"): b"%PDF <error>not one</error>"[:5]}
        api = RedcapApi(server.url, TOKEN, lambda seconds: None)
        done = pull(api, wanted(tmp_path / "c", documents=True))
    (name,) = (path.relative_to(tmp_path / "c").as_posix() for path in (tmp_path / "c" / "redcap_files").iterdir())
    assert name.startswith("redcap_files/-x_scan-") and name.endswith(".pdf")
    assert (tmp_path / "c" / name).read_bytes() == b"%PDF "
    assert done.documents == 1
    assert [path.name for path in tmp_path.iterdir()] == ["c"]
    assert read_centre(tmp_path / "c", [SPEC]).tables["base"].frame.height == 1  # the files need not be ignored


# ---------------------------------------------------------------- bad days


@pytest.mark.parametrize(
    ("fault", "first_wait"),
    [
        (faults.status(429, Retry_After="7"), 7.0),
        (faults.status(503, Retry_After="0"), 0.0),
        (faults.status(503), 1.0),
        (faults.status(500), 1.0),
        (faults.status(504), 1.0),
        (faults.cut_short, 1.0),
        (faults.cut_off, 1.0),
        (faults.hang_up, 1.0),
    ],
)
@pytest.mark.parametrize("at", [0, 4, 6])  # the first request, the list of records, a batch
def test_asked_again_after_a_pause(
    server: RedcapServer,
    api: RedcapApi,
    waits: list[float],
    tmp_path: Path,
    fault: faults.Fault,
    first_wait: float,
    at: int,
) -> None:
    server.faults = [*[None] * at, fault]
    pull(api, wanted(tmp_path))
    assert [wait for wait in waits if wait != 0.5] == [first_wait]
    assert (tmp_path / "data.csv").read_text().count("\n") >= len(server.rows)


def test_longer_and_longer_pauses_and_an_end(server: RedcapServer, api: RedcapApi, waits: list[float]) -> None:
    server.faults = [faults.status(503)] * 6
    with pytest.raises(SourceError, match=r"cannot be reached for `version`: answers 503 .*, 6 times") as error:
        api.version()
    assert waits == [1, 2, 4, 8, 16]
    assert error.value.where == server.url


def test_a_server_that_asks_for_an_hour_is_not_waited_for(
    server: RedcapServer, api: RedcapApi, waits: list[float]
) -> None:
    server.faults = [faults.status(429, Retry_After="3600")]
    with pytest.raises(SourceError, match="it asks to wait for 3600 seconds"):
        api.version()
    assert waits == []


def test_a_slow_answer_is_given_up_and_asked_for_again(
    server: RedcapServer, api: RedcapApi, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redcap_api, "_SECONDS", (5, 0.3))
    server.faults = [faults.slow]
    assert api.version() == "14.5.5"
    assert waits == [1]
    server.faults = [faults.slow] * 6
    with pytest.raises(SourceError, match="does not answer in time, 6 times"):
        api.version()


def test_nobody_there(waits: list[float]) -> None:
    with RedcapServer(*faults.example(CENTRE)) as gone:
        url = gone.url
    with pytest.raises(SourceError, match="there is no connection, 6 times"):
        RedcapApi(url, TOKEN, waits.append).version()


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (faults.refuse(400, f"bad token {TOKEN} in\nrequest"), r"the request: bad token \(token\) in request"),
        (faults.refuse(401, "no"), "does not accept the token: no"),
        (faults.refuse(403, "You do not have permissions to use the API"), "read this project: You do not have"),
        (faults.status(404), "has no API at this address"),
        (faults.refuse(501, "x"), "does not know the request"),
        (faults.status(418), "answers 418"),
        (faults.login_page, "answers with a web page where data should be"),
        (faults.status(302, Location="https://sso.example.org/x"), "sends us on to sso.example.org, perhaps to log in"),
        (lambda request, answer: (200, {}, b'{"error": "You may not"}'), "understand the request: You may not"),
        (lambda request, answer: (200, {}, b'"a text"'), "something else than a list of rows"),
        (lambda request, answer: (200, {}, b"[1, 2]"), "something else than a list of rows"),
    ],
)  # fmt: skip
def test_what_no_patience_mends_is_said_at_once(
    server: RedcapServer, api: RedcapApi, waits: list[float], fault: faults.Fault, words: str
) -> None:
    server.faults = [fault]
    with pytest.raises(SourceError, match=words) as error:
        api.metadata()
    assert waits == []
    assert TOKEN not in str(error.value)
    assert error.value.__cause__ is None or TOKEN not in repr(error.value.__cause__)


def test_a_record_that_is_lost_on_the_way_is_missed(server: RedcapServer, api: RedcapApi, tmp_path: Path) -> None:
    server.faults = [None] * 5 + [faults.lose_a_record]
    with pytest.raises(SourceError, match="does not send 2 of the records"):
        pull(api, wanted(tmp_path))
    assert not (tmp_path / "data.csv").exists()


def test_a_project_that_changes_meanwhile(server: RedcapServer, api: RedcapApi, tmp_path: Path) -> None:
    def added(request: dict[str, str], answer: faults.Answer) -> faults.Answer:
        server.rows.append({**server.rows[0], "record_id": "C-99"})
        return answer

    server.faults = [None] * 5 + [added]
    with pytest.raises(SourceError, match="Records were added or deleted while the project was pulled"):
        pull(api, wanted(tmp_path))
    assert pull(api, wanted(tmp_path)).kept == 0  # another list of records is another pull
    assert "C-99" in (tmp_path / "data.csv").read_text()


# ---------------------------------------------------------------- interrupted


def test_a_pull_goes_on_where_it_stopped(server: RedcapServer, api: RedcapApi, tmp_path: Path) -> None:
    server.faults = [None] * 6 + [faults.refuse(403, "The night shift has ended")]  # at the second batch
    with pytest.raises(SourceError):
        pull(api, wanted(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == [WORK]
    before = len(server.asked("record"))
    done = pull(api, wanted(tmp_path))
    assert done.kept == 1
    batches = [r for r in server.asked("record")[before:] if "records[0]" in r]
    assert [r["records[0]"] for r in batches] == ["C-04", "C-07"]  # three records a batch: the first is not asked again
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["data.csv", "dictionary.csv", RECORD]


class Killed(BaseException):
    """As if the power had failed."""


@pytest.mark.parametrize("step", range(1, 12))
def test_killed_at_each_step_nothing_is_lost_or_mixed(
    server: RedcapServer, api: RedcapApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """Each renaming of a file is a step: before the n-th the process dies, and the old pull stands till then."""
    pull(api, wanted(tmp_path))
    old = {name: (tmp_path / name).read_text() for name in ("data.csv", "dictionary.csv")}
    for row in server.rows:
        row["sex"] = "9" if row["sex"] else ""
    server.fields[1]["field_label"] = "changed"
    renamed = Path.replace
    count = 0

    def dying(self: Path, target: Path) -> Path:
        nonlocal count
        count += 1
        if count == step:
            raise Killed
        return renamed(self, target)

    monkeypatch.setattr(Path, "replace", dying)
    with pytest.raises(Killed):
        pull(api, wanted(tmp_path))
    monkeypatch.setattr(Path, "replace", renamed)
    try:
        read_centre(tmp_path, [SPEC])
    except SourceError as error:
        assert "A pull from REDCap stopped while it put its files in place" in error.what
    else:
        assert {name: (tmp_path / name).read_text() for name in old} == old
    pull(api, wanted(tmp_path))
    with (tmp_path / "data.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert rows == server.rows
    assert "changed" in (tmp_path / "dictionary.csv").read_text()
    assert not (tmp_path / WORK).exists()


# ---------------------------------------------------------------- files of a person


def test_a_file_that_no_pull_made_is_not_replaced(api: RedcapApi, tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("mine\n")
    with pytest.raises(SourceError, match=r"data.csv was not made by a pull, and is not replaced"):
        pull(api, wanted(tmp_path))
    assert (tmp_path / "data.csv").read_text() == "mine\n"


def test_a_file_that_was_changed_since_is_not_replaced_unless_asked(
    api: RedcapApi, server: RedcapServer, tmp_path: Path
) -> None:
    pull(api, wanted(tmp_path))
    assert pull(api, wanted(tmp_path)).changed == ()
    whole = (tmp_path / "data.csv").read_text()
    (tmp_path / "data.csv").write_text(whole + "# a note\n")
    with pytest.raises(SourceError, match=r"data.csv was changed since it was pulled, and is not replaced"):
        pull(api, wanted(tmp_path))
    assert pull(api, wanted(tmp_path, replace=True)).changed == ("data.csv",)
    assert (tmp_path / "data.csv").read_text() == whole


# ---------------------------------------------------------------- the token


@pytest.mark.parametrize(
    ("url", "token", "words"),
    [
        (
            "http://redcap.example.org/api/",
            TOKEN,
            "is no address of a REDCap API",
        ),  # everybody on the way could read it
        ("ftp://redcap.example.org/api/", TOKEN, "is no address"),
        ("https://me:secret@redcap.example.org/api/", TOKEN, "holds more than an address"),
        ("https://redcap.example.org/api/", "short-secret", "is no REDCap token"),
        ("https://redcap.example.org/api/", TOKEN[:-1] + "\n", "is no REDCap token"),
    ],
)
def test_addresses_and_tokens_that_are_none(url: str, token: str, words: str) -> None:
    with pytest.raises(SourceError, match=words) as error:
        RedcapApi(url, token)
    assert "secret" not in str(error.value) or "me:" not in str(error.value)
    assert token not in str(error.value)


def test_the_address_may_lack_its_end() -> None:
    assert RedcapApi("https://r.example.org/redcap", TOKEN).url == "https://r.example.org/redcap/api/"
    assert RedcapApi("https://r.example.org/api", TOKEN).url == "https://r.example.org/api/"


def study(folder: Path) -> Path:
    shutil.copytree(
        EXAMPLE, folder / "study", ignore=shutil.ignore_patterns("SynInO_DATA.csv", "SynInO_DataDictionary.csv")
    )
    return folder / "study"


def command(*words: str, **environment: str) -> tuple[int, str]:
    from chartline.cli import app

    done = CliRunner().invoke(app, ["redcap", "pull", *words], env={"REDCAP_TOKEN": None, **environment})
    return done.exit_code, done.output + str(done.exception or "")


def test_the_command_puts_the_files_where_the_mapping_reads_them(
    server: RedcapServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redcap_api, "_PAUSE", 0.0)
    here = study(tmp_path)
    code, said = command(str(here), "--centre", "C", "--url", server.url, REDCAP_TOKEN=TOKEN)
    assert (code, said.splitlines()[0]) == (0, f"Synthetic [77] (REDCap 14.5.5): 8 records in {len(server.rows)} rows")
    code, said = command(str(here), "--centre", "C", REDCAP_TOKEN=TOKEN)  # the address is known by now
    assert code == 0 and "Nothing has changed since the last pull" in said
    found = b"".join(path.read_bytes() for path in here.rglob("*") if path.is_file())
    assert TOKEN.encode() not in found


@pytest.mark.parametrize(
    ("words", "environment", "said"),
    [
        (("--centre", "C", *ADDRESS), {}, "The environment variable REDCAP_TOKEN holds no token"),
        (("--centre", "C"), {"REDCAP_TOKEN": TOKEN}, "the server is not known"),
        (("--centre", "Z", *ADDRESS), {"REDCAP_TOKEN": TOKEN}, "The study has no centre Z"),
        (("--centre", "C", *ADDRESS, "--token-from", "OTHER"), {"OTHER": "x"}, "is no REDCap token"),
    ],
)  # fmt: skip
def test_what_the_command_says_where_something_is_missing(
    tmp_path: Path, words: tuple[str, ...], environment: dict[str, str], said: str
) -> None:
    code, output = command(str(study(tmp_path)), *words, **environment)
    assert code != 0
    assert said in output
    assert TOKEN not in output


def test_a_pull_tells_what_it_brought() -> None:
    done = Pulled("Synthetic [77]", "14.5.5", 8, 280, 2, 3, ("data.csv",))
    assert done.lines() == [
        "Synthetic [77] (REDCap 14.5.5): 8 records in 280 rows",
        "2 uploaded files in redcap_files/",
        "3 batches were kept from an interrupted pull",
        "Changed: data.csv",
    ]


@pytest.mark.shared
@pytest.mark.parametrize("name", ["longitudinal", "repeating-instruments", "clinical-trial-1", "checkboxes-1", "dag"])
def test_real_projects(shared: Path, tmp_path: Path, name: str) -> None:
    home = shared / "data" / "redcap_redcapr" / name
    records, dictionary = ((home / f"{one}.csv").read_text(encoding="utf-8-sig") for one in ("data", "dictionary"))
    with RedcapServer(records, dictionary) as server:
        pull(RedcapApi(server.url, TOKEN, lambda seconds: None), wanted(tmp_path, batch=100))
    for one in ("data", "dictionary"):
        (tmp_path / "hand").mkdir(exist_ok=True)
        shutil.copy(home / f"{one}.csv", tmp_path / "hand" / f"{one}.csv")
    pulled, by_hand = read_centre(tmp_path, [SPEC], {"hand/*": ""}), read_centre(tmp_path / "hand", [SPEC])
    assert {n: t.frame.rows() for n, t in pulled.tables.items()} == {
        n: t.frame.rows() for n, t in by_hand.tables.items()
    }


def test_the_folder_of_work_is_for_the_owner_alone(api: RedcapApi, server: RedcapServer, tmp_path: Path) -> None:
    server.faults = [None] * 6 + [faults.refuse(403, "no")]
    with pytest.raises(SourceError):
        pull(api, wanted(tmp_path))
    assert (tmp_path / WORK).stat().st_mode & 0o077 == 0
    assert redcap_pull.is_half_placed(tmp_path) is False
