"""The centre's key: pseudonyms, shifts, and who may read the file."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import os
import stat
from base64 import b32encode
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chartline.deidentify.dates import Order, shift_day, shift_text
from chartline.deidentify.key import Key, KeyFileError, open_key

KEY, OTHER = Key(bytes(range(32))), Key(bytes(32))


def test_a_pseudonym_is_hmac_sha256_of_the_number_under_the_key() -> None:
    digest = hmac.new(bytes(range(32)), b"id:MH/2019/123", hashlib.sha256).digest()
    assert KEY.pseudonym("MH/2019/123") == "P" + b32encode(digest).decode()[:10]
    assert KEY.pseudonym("MH/2019/123") != OTHER.pseudonym("MH/2019/123")


def test_a_whole_number_becomes_a_whole_number_that_a_spreadsheet_keeps() -> None:
    made = KEY.pseudonym("20190012")
    assert made.isdigit() and len(made) == 15
    assert int(float(made)) == int(made) < 2**53


@given(st.text(min_size=1), st.integers(1, 400))
def test_a_patient_has_one_shift_within_the_days_and_never_none(patient: str, days: int) -> None:
    shift = KEY.shift(patient, days)
    assert 0 < abs(shift) <= days
    assert shift == KEY.shift(patient, days)


def test_every_shift_can_occur() -> None:
    assert {KEY.shift(str(i), 3) for i in range(500)} == {-3, -2, -1, 1, 2, 3}


@pytest.mark.skipif(os.name != "posix", reason="modes of files are POSIX")
def test_a_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    key, made = open_key(tmp_path / "key")
    assert made
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    again, made = open_key(tmp_path / "key")
    assert (again.secret, made) == (key.secret, False)
    assert len(key.secret) == 32


@pytest.mark.skipif(os.name != "posix", reason="modes of files are POSIX")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_key_that_others_can_open_is_refused(tmp_path: Path, mode: int) -> None:
    open_key(tmp_path / "key")
    (tmp_path / "key").chmod(mode)
    with pytest.raises(KeyFileError, match="Others than its owner"):
        open_key(tmp_path / "key")


def test_a_folder_is_no_key(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="this is a folder") as refused:
        open_key(tmp_path)
    assert f"{tmp_path.name}/chartline.key" in str(refused.value)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_key_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("my notes")
    (tmp_path / "notes").chmod(0o600)
    with pytest.raises(KeyFileError, match="holds no key"):
        open_key(tmp_path / "notes")
    assert (tmp_path / "notes").read_text() == "my notes"


def test_a_key_never_lies_in_a_folder_that_is_sent(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="leaves the centre"):
        open_key(tmp_path / "out" / "key", away_from=(tmp_path / "out",))


def test_a_key_does_not_show_itself() -> None:
    assert KEY.secret.hex() not in f"{KEY!r} {KEY}"


# Dates are shifted as they are written.
@pytest.mark.parametrize(
    ("order", "text", "days", "shifted"),
    [
        (Order.ISO, "2019-12-30", 3, "2020-01-02"),
        (Order.ISO, "2019-12-30T08:15:00+05:30", 3, "2020-01-02T08:15:00+05:30"),
        (Order.DMY, "28/02/2019", 1, "01/03/2019"),
        (Order.DMY, "28.02.2020", 1, "29.02.2020"),
        (Order.DMY, "1/3/2019", -1, "28/2/2019"),
        (Order.MDY, "02/28/2019", 1, "03/01/2019"),
        (Order.YMD, "2019/02/28", 1, "2019/03/01"),
        (Order.DMY, "30-DEC-2019", 3, "02-JAN-2020"),
        (Order.DMY, "5 March 2019", 30, "4 April 2019"),
        (Order.MDY, "March 5, 2019", -5, "February 28, 2019"),
        (Order.ISO, "2019-06", 20, "2019-07"),  # the fifteenth of June and 20 days are the fifth of July
        (Order.ISO, "2019-06", 3, "2019-06"),
        (Order.DMY, "06/2019", 20, "07/2019"),
    ],
)
def test_a_date_keeps_the_way_it_is_written(order: Order, text: str, days: int, shifted: str) -> None:
    assert shift_text(text, days, order) == shifted


@pytest.mark.parametrize("text", ["2019", "31/02/2019", "28/02/19", "ANC 0.5", "2019-06-05 to 2019-07-01", "12.5", ""])
def test_what_is_no_date_of_that_order_is_not_shifted(text: str) -> None:
    assert shift_text(text, 3, Order.DMY) is None


@given(st.dates(dt.date(1920, 1, 1), dt.date(2090, 1, 1)), st.dates(dt.date(1920, 1, 1), dt.date(2090, 1, 1)),
       st.integers(-400, 400), st.sampled_from(Order))  # fmt: skip
def test_intervals_stay(a: dt.date, b: dt.date, days: int, order: Order) -> None:
    form = {Order.ISO: "%Y-%m-%d", Order.DMY: "%d/%m/%Y", Order.MDY: "%m/%d/%Y", Order.YMD: "%Y/%m/%d"}[order]
    moved = [dt.datetime.strptime(shift_text(d.strftime(form), days, order) or "", form).date() for d in (a, b)]
    assert moved[1] - moved[0] == b - a


@given(st.dates(dt.date(1950, 1, 1), dt.date(2050, 1, 1)), st.integers(-30, 30))
def test_a_column_with_day_and_month_exchanged_stays_one(true: dt.date, days: int) -> None:
    """Excel under another locale takes 03/04 for 4 March, and leaves 13/04 as text."""

    def as_saved(day: dt.date) -> dt.date | str:
        return day.replace(day=day.month, month=day.day) if day.day <= 12 else f"{day:%d/%m/%Y}"

    was = as_saved(true)
    if isinstance(was, dt.date):
        now = shift_day(was, days, swapped=True)
    else:
        now = shift_text(was, days, Order.DMY) or ""
        now = as_saved(dt.datetime.strptime(now, "%d/%m/%Y").date())
    assert now == as_saved(true + dt.timedelta(days=days))
