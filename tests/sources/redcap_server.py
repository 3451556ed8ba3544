"""A small REDCap that answers as its documentation says, on the loopback address, for as long as a test lasts.

It serves one project from two CSV files, and can be told to answer as servers and proxies do on a bad day (`faults`,
one a request; None for a good answer). Documented behaviour: POST with `token` and `content`; the reason of a 400 or
403 as `error` in the format that was asked for; `records[i]`, `fields[i]`, `forms[i]` as filters; keys of events and
repetition come with the record id.
"""

from __future__ import annotations

import csv
import io
import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

TOKEN = "0123456789ABCDEF0123456789ABCDEF"
NAMES = {
    "Variable / Field Name": "field_name",
    "Form Name": "form_name",
    "Field Type": "field_type",
    "Field Label": "field_label",
    "Choices, Calculations, OR Slider Labels": "select_choices_or_calculations",
}
LOGIN = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body>Please log in</body></html>"

Answer = tuple[int, dict[str, str], bytes]
Fault = Callable[[dict[str, str], Answer], Answer | None]  # None: the connection is closed in the middle


class RedcapServer:
    """One project; `requests` are those that came."""

    def __init__(self, records: str, dictionary: str) -> None:
        self.rows = list(csv.DictReader(io.StringIO(records)))
        self.fields = [
            {NAMES.get(name, name): value or "" for name, value in row.items()}
            for row in csv.DictReader(io.StringIO(dictionary))
        ]
        self.record_id = self.fields[0]["field_name"]
        self.longitudinal = "redcap_event_name" in self.rows[0]
        self.faults: list[Fault | None] = []
        self.requests: list[dict[str, str]] = []
        self.documents: dict[tuple[str, str], bytes] = {}
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}/api/"

    def __enter__(self) -> RedcapServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def asked(self, content: str) -> list[dict[str, str]]:
        return [request for request in self.requests if request.get("content") == content]

    def answer(self, request: dict[str, str]) -> Answer:
        if request.get("token") != TOKEN:
            return _error(403, "You do not have permissions to use the API")
        content = request.get("content", "")
        if content == "version":
            return 200, {"Content-Type": "text/html; charset=utf-8"}, b"14.5.5"
        if content == "file":
            return self._file(request)
        if request.get("format") not in ("json", "csv"):
            return _error(400, 'The value of the parameter "format" is not valid')
        if content in ("event", "formEventMapping") and not self.longitudinal:
            return _error(400, "You cannot export events for classic projects")
        found = {
            "record": self._records,
            "metadata": lambda _: self.fields,
            "project": lambda _: self._project(),
            "instrument": lambda _: [{"instrument_name": name, "instrument_label": name} for name in self._forms()],
            "event": lambda _: [{"unique_event_name": name} for name in self._events()],
            "formEventMapping": lambda _: [
                {"unique_event_name": e, "form": f} for e in self._events() for f in self._forms()
            ],
            "repeatingFormsEvents": lambda _: [{"form_name": "labs"}],
            "exportFieldNames": lambda _: [{"export_field_name": name} for name in self.rows[0]],
        }.get(content)
        if found is None:
            return _error(400, 'The value of the parameter "content" is not valid')
        return 200, {"Content-Type": "application/json"}, json.dumps(found(request)).encode()

    def _project(self) -> dict[str, Any]:
        repeats = int("redcap_repeat_instrument" in self.rows[0])
        return {
            "project_id": 77, "project_title": "Synthetic", "is_longitudinal": int(self.longitudinal),
            "has_repeating_instruments_or_events": repeats,
        }  # fmt: skip

    def _forms(self) -> list[str]:
        return list(dict.fromkeys(field["form_name"] for field in self.fields))

    def _events(self) -> list[str]:
        return list(dict.fromkeys(row["redcap_event_name"] for row in self.rows))

    def _records(self, request: dict[str, str]) -> list[dict[str, str]]:
        wanted, fields, forms = (_array(request, name) for name in ("records", "fields", "forms"))
        own = {f["field_name"] for f in self.fields if f["form_name"] in forms} | {f"{form}_complete" for form in forms}
        names = set(fields) | own
        keys = [n for n in self.rows[0] if n.startswith("redcap_")]
        kept = [n for n in self.rows[0] if not names or n in names or n.split("___")[0] in names]
        columns = [n for n in self.rows[0] if n in kept or n in keys]
        return [{n: r[n] for n in columns} for r in self.rows if not wanted or r[self.record_id] in wanted]

    def _file(self, request: dict[str, str]) -> Answer:
        found = self.documents.get((request["record"], request["field"]))
        if found is None:
            return 400, {"Content-Type": "text/xml"}, b"<hash><error>There is no file to download</error></hash>"
        return 200, {"Content-Type": 'application/pdf; name="../../evil/scan of D.PDF";charset=utf-8'}, found

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                request = dict(parse_qsl(body.decode(), keep_blank_values=True))
                server.requests.append(request)
                answer: Answer | None = server.answer(request)
                fault = server.faults.pop(0) if server.faults else None
                if fault is not None and answer is not None:
                    answer = fault(request, answer)
                if answer is None:
                    self.close_connection = True
                    return
                status, headers, content = answer
                self.send_response(status)
                for name, value in {"Content-Length": str(len(content)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)
                self.close_connection = True

            def do_GET(self) -> None:
                self.send_error(501)

            def log_message(self, *_: object) -> None:
                """Nothing is printed."""

        return Handler


def _array(request: dict[str, str], name: str) -> list[str]:
    return [value for key, value in request.items() if key.startswith(f"{name}[")]


def _error(status: int, words: str) -> Answer:
    return status, {"Content-Type": "application/json"}, json.dumps({"error": words}).encode()


def status(code: int, **headers: str) -> Fault:
    """An answer with this status and no data."""
    return lambda request, answer: (code, {name.replace("_", "-"): v for name, v in headers.items()}, b"<p>busy</p>")


def refuse(code: int, words: str) -> Fault:
    return lambda request, answer: _error(code, words)


def login_page(request: dict[str, str], answer: Answer) -> Answer:
    return 200, {"Content-Type": "text/html"}, LOGIN


def cut_short(request: dict[str, str], answer: Answer) -> Answer:
    """Half of the answer, and no word that there should be more."""
    return answer[0], answer[1], answer[2][: len(answer[2]) // 2]


def cut_off(request: dict[str, str], answer: Answer) -> Answer:
    """Half of what was announced, then the connection is closed."""
    return answer[0], {**answer[1], "Content-Length": str(len(answer[2]))}, answer[2][: len(answer[2]) // 2]


def hang_up(request: dict[str, str], answer: Answer) -> None:
    return None


def slow(request: dict[str, str], answer: Answer) -> Answer:
    time.sleep(0.6)
    return answer


def lose_a_record(request: dict[str, str], answer: Answer) -> Answer:
    rows = json.loads(answer[2])
    return answer[0], answer[1], json.dumps(rows[:1]).encode()


def example(folder: Path) -> tuple[str, str]:
    """Records and dictionary of the synthetic centre C of the reference study."""
    return tuple(  # type: ignore[return-value]
        (folder / name).read_text(encoding="utf-8-sig") for name in ("SynInO_DATA.csv", "SynInO_DataDictionary.csv")
    )
