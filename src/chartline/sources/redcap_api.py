"""A REDCap project by its API: what is asked, how often, and what is said where the server answers as it should not.

In: the API's address and a token. Out: plain Python lists and texts. PyCap writes the requests; here each answer is
checked before PyCap reads it, because PyCap looks at no HTTP status, and takes the login page of a proxy for data.
Nothing is ever written to the server. The token is held in memory alone: no message, file or log has it.

The API is that of REDCap's own documentation (`/api/help/`): POST with `token` and `content`; 200 for success, 400 with
the reason in `error`, 401 and 403 for a token or right that is missing, 404, 406, 500, 501; 429 and 503 come from what
stands before it. Record ids are given as `records[0]`, `records[1]`, ...; without a form a record has all its fields.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from chartline.errors import SourceError

if TYPE_CHECKING:
    from redcap.project import Project

Rows = list[dict[str, str]]
T = TypeVar("T")
_TRIES = 6
_LONGEST_WAIT = 300.0  # seconds; a server that asks for more is told to the user instead
_PAUSE = 0.5  # seconds between two requests: a fifth of the 600 a minute that REDCap allows an address by default
_SECONDS = (10, 120)  # to connect, and between two parts of an answer
_LATER = (408, 425, 429, 500, 502, 503, 504)
_WHY = {
    400: "does not understand the request",
    401: "does not accept the token",
    403: "does not let the token read this project",
    404: "has no API at this address",
    406: "does not accept the request",
    501: "does not know the request",
}
_DO = {
    401: "ask for a new token in REDCap (API), and put it into the environment variable",
    403: "ask the project's owner for the right `API Export` and for full data export, then run again",
    404: "look up the address on REDCap's page `API`; it ends with /api/",
}


class _Later(Exception):
    """The server asks to come again, after so many seconds if it says so."""

    def __init__(self, what: str, seconds: float | None = None) -> None:
        super().__init__(what)
        self.seconds = seconds


class RedcapApi:
    """One project of one server. `wait` and `clock` are there for tests."""

    def __init__(self, url: str, token: str, wait: Callable[[float], None] = time.sleep) -> None:
        self.url, self._token, self._wait = _address(url), _checked_token(token), wait
        self._project: Project | None = None
        self._json = True
        self._asked = False

    def version(self) -> str:
        """The version of the REDCap server."""
        return str(self._ask("version", lambda project: project.export_version(), as_json=False))

    def project(self) -> dict[str, Any]:
        """What REDCap knows of the project: id, title, whether it is longitudinal or has repeating forms."""
        return self._one("project", lambda project: project.export_project_info())

    def metadata(self) -> Rows:
        """The data dictionary, a field a row, in its order."""
        return self._rows("metadata", lambda project: project.export_metadata())

    def instruments(self) -> Rows:
        return self._rows("instrument", lambda project: project.export_instruments())

    def events(self) -> Rows:
        """The events of a longitudinal project; a classic one refuses the question."""
        return self._rows("event", lambda project: project.export_events())

    def event_mapping(self) -> Rows:
        """Which form is filled at which event, of a longitudinal project."""
        return self._rows("formEventMapping", lambda project: project.export_instrument_event_mappings())

    def repeating(self) -> Rows:
        """Which forms and events repeat."""
        return self._rows("repeatingFormsEvents", lambda project: project.export_repeating_instruments_events())

    def columns(self) -> list[str]:
        """The columns that an export has."""
        rows = self._rows("exportFieldNames", lambda project: project.export_field_names())
        return [row["export_field_name"] for row in rows if "export_field_name" in row]

    def record_ids(self, record_id: str) -> list[str]:
        """The ids of all records, in the server's order."""
        rows = self._rows("record", lambda project: project.export_records(fields=[record_id]))
        return list(dict.fromkeys(row.get(record_id, "") for row in rows))

    def records(self, ids: Sequence[str], forms: Sequence[str]) -> Rows:
        """All rows of these records, raw codes under raw names, as the page's `CSV / raw data` has them."""
        return self._rows(
            "record", lambda project: project.export_records(records=list(ids), forms=list(forms), event_name="unique")
        )

    def file(self, record: str, field: str, event: str, instance: str) -> tuple[bytes, str]:
        """The content of an uploaded file, and the name that it had."""
        number = int(instance) if instance.isdigit() else None
        content, about = self._ask(
            "file", lambda project: project.export_file(record, field, event or None, number), as_json=False
        )
        return content, str(about.get("name", ""))

    def _one(self, content: str, call: Callable[[Project], Any]) -> dict[str, Any]:
        found = self._ask(content, call)
        if not isinstance(found, dict):
            raise self._strange(content, "a list where an object should be")
        return found

    def _rows(self, content: str, call: Callable[[Project], Any]) -> Rows:
        found = self._ask(content, call)
        if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
            raise self._strange(content, "something else than a list of rows")
        return [{str(key): _text(value) for key, value in row.items()} for row in found]

    def _ask(self, content: str, call: Callable[[Project], T], as_json: bool = True) -> T:
        """Ask until there is an answer, with longer and longer pauses. Raises SourceError where there is none."""
        from redcap.request import RedcapError

        if self._asked:
            self._wait(_PAUSE)
        self._asked = True
        last, pause = "", 0.0
        for attempt in range(_TRIES):
            if attempt:
                self._wait(pause)
            self._json = as_json
            pause = 2.0**attempt
            try:
                return call(self._opened())
            except _Later as later:
                last, pause = str(later), later.seconds if later.seconds is not None else pause
                if pause > _LONGEST_WAIT:
                    raise self._unavailable(content, f"it asks to wait for {pause:.0f} seconds") from None
            except RedcapError as error:  # the connection: refused, cut, too slow, no such host, a bad certificate
                if type(error) is RedcapError:  # PyCap's own: it found an error in what `_check` took for content
                    raise self._refused("answers with an error", self._without_token(str(error)), "") from None
                last = _connection(error)
                if "certificate" in last:
                    raise self._unavailable(content, last) from None
        raise self._unavailable(content, f"{last}, {_TRIES} times") from None

    def _opened(self) -> Project:
        if self._project is None:
            from redcap.project import Project

            self._project = Project(
                self.url,
                self._token,
                timeout=_SECONDS,
                allow_redirects=False,  # the token goes to this address and to no other
                hooks={"response": self._check},
            )
        return self._project

    def _check(self, response: Any, *_: Any, **__: Any) -> None:
        """Look at an answer before PyCap does."""
        response.encoding = "utf-8"
        status, body = response.status_code, response.content
        if status in _LATER:
            raise _Later(f"answers {status} {response.reason or ''}".strip(), _seconds(response.headers))
        if 300 <= status < 400:
            there = urlsplit(response.headers.get("Location", "")).hostname or "another page"
            raise self._refused(f"sends us on to {there}, perhaps to log in", "", _DO[404])
        message = self._message(body) if self._json or status != 200 else ""  # an uploaded file may say "error" itself
        if status != 200:
            raise self._refused(_WHY.get(status, f"answers {status}"), message, _DO.get(status, ""))
        looks_html = body.lstrip()[:200].lower().startswith((b"<!doctype html", b"<html"))
        if looks_html and (self._json or "name=" not in response.headers.get("Content-Type", "")):  # no uploaded file
            raise self._refused(
                "answers with a web page where data should be", "",
                "a proxy or login page stands before it: open the address in a browser on this machine, ask your "
                "network's administrator to let the API through",
            )  # fmt: skip
        if self._json:
            try:
                json.loads(body)
            except ValueError:
                raise _Later("sends an answer that is cut short") from None
        if message:
            raise self._refused(_WHY[400], message, "")

    def _message(self, body: bytes) -> str:
        """The server's own words in an error, in JSON or XML."""
        text = body[:100_000].decode("utf-8", "replace")
        try:
            found = json.loads(text)
        except ValueError:
            xml = re.search(r"<error>(.*?)</error>", text, re.S)
            return self._without_token(xml[1]) if xml else ""
        return self._without_token(str(found["error"])) if isinstance(found, dict) and "error" in found else ""

    def _without_token(self, text: str) -> str:
        return " ".join(text.replace(self._token, "(token)").split())[:300]

    def _refused(self, what: str, message: str, do: str) -> SourceError:
        said = f": {message}" if message else ""
        return SourceError(f"REDCap {what}{said}", where=self.url, expected="the project's data", do=do)

    def _strange(self, content: str, what: str) -> SourceError:
        return SourceError(f"REDCap answers the request for `{content}` with {what}", where=self.url)

    def _unavailable(self, content: str, why: str) -> SourceError:
        return SourceError(
            f"REDCap cannot be reached for `{content}`: {why}",
            where=self.url,
            do="run again later; what was pulled so far is kept and not asked for again",
        )


def _address(url: str) -> str:
    """Return the API's address. Raises SourceError for one that would show the token to who listens."""
    parts = urlsplit(url)
    local = parts.hostname in ("localhost", "127.0.0.1", "::1")
    if parts.scheme != "https" and not (parts.scheme == "http" and local):
        raise SourceError(f"{url!r} is no address of a REDCap API", expected="https://.../api/", do=_DO[404])
    if parts.username or parts.password or parts.query:
        raise SourceError("The address of the API holds more than an address", expected="https://.../api/", do=_DO[404])
    path = parts.path.rstrip("/")
    return parts._replace(path=f"{path if path.endswith('/api') else f'{path}/api'}/", fragment="").geturl()


def _checked_token(token: str) -> str:
    """PyCap would print a token that it does not like; so it never sees one."""
    if not re.fullmatch(r"[0-9A-Za-z]{32}", token):
        raise SourceError(
            "The token is no REDCap token", expected="32 letters and digits, without blanks", do="copy it again"
        )
    return token


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _seconds(headers: Any) -> float | None:
    """What `Retry-After` asks for, in seconds or as a date."""
    from email.utils import parsedate_to_datetime

    asked = headers.get("Retry-After", "")
    if asked.isdigit():
        return float(asked)
    try:
        until = parsedate_to_datetime(asked)
    except (TypeError, ValueError):
        return None
    return max(0.0, (until - dt.datetime.now(dt.UTC)).total_seconds()) if until.tzinfo else None


def _connection(error: Exception) -> str:
    """Say in plain words why there was no connection; the libraries' own words may hold the request."""
    names = {kind.__name__ for kind in type(error).__mro__}
    if "SSLError" in names:
        return "its certificate is not trusted"
    if "Timeout" in names:
        return "it does not answer in time"
    if "ChunkedEncodingError" in names or "ContentDecodingError" in names:
        return "its answer is cut short"
    return "there is no connection"
