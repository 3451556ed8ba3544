"""Which part a subject is in, how much memory a text means, and how many parts charts go into."""

from __future__ import annotations

import hashlib
from contextlib import nullcontext
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chartline.engines import memory
from chartline.engines.memory import (
    GB,
    GROWTH,
    MB,
    ONE_PIECE,
    PARENT,
    READ,
    WORKER,
    check_one_piece,
    parse_size,
    parts_for,
    reads_for,
)
from chartline.engines.parts import hash_of, part_of, range_of
from chartline.errors import MemoryShort, StudyError
from chartline.sources.omop_persons import add_digests


def test_a_hash_is_the_first_eight_bytes_of_the_sha256() -> None:
    assert hash_of("abc") == 0xBA7816BF8F01CFEA  # FIPS 180-2, appendix B.1: "abc" -> ba7816bf 8f01cfea ...


@given(st.text(), st.integers(1, 1000))
def test_every_subject_is_in_one_part_and_its_hash_in_the_range_of_that_part(subject: str, parts: int) -> None:
    number = part_of(subject, parts)
    assert 0 <= number < parts
    first, last = range_of(number, parts)
    assert first <= hash_of(subject) <= last


@given(st.integers(1, 1000))
def test_the_ranges_follow_each_other_and_are_all_hashes(parts: int) -> None:
    ranges = [range_of(n, parts) for n in range(parts)]
    assert ranges[0][0] == 0 and ranges[-1][1] == 2**64 - 1
    assert all(last + 1 == first for (_, last), (first, _) in pairwise(ranges))


def test_parts_are_about_equal() -> None:
    """Of 10,000 in 10 parts each has 1,000 within five standard deviations of a binomial (30 each)."""
    sizes = [0] * 10
    for n in range(10_000):
        sizes[part_of(f"P{n}", 10)] += 1
    assert all(abs(n - 1000) < 150 for n in sizes)


def test_a_part_does_not_depend_on_the_process() -> None:
    """Python's own hash of a text is another in each process; the sha256 is not."""
    first = hashlib.sha256(b"A-01").digest()[0]
    assert part_of("A-01", 256) == first


@pytest.mark.parametrize(
    ("text", "size"),
    [("2GB", 2 * GB), ("500 MB", 500 * MB), ("1.5g", 1_500_000_000), ("2GiB", 2 * GB), ("300000", 300_000)],
)
def test_a_size_is_read(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "much", "-1GB", "2 GB or so", "1e9"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(StudyError, match="not an amount of memory"):
        parse_size(text)


def test_parts_grow_with_the_charts_and_shrink_with_the_memory() -> None:
    share = (2 * GB - PARENT - 2 * WORKER) // 2
    fits = share // GROWTH
    assert parts_for(0, 2 * GB, 2) == 1
    assert parts_for(fits, 2 * GB, 2) == 1
    assert parts_for(fits + 1, 2 * GB, 2) == 2
    assert parts_for(10 * fits, 2 * GB, 2) == 10
    assert parts_for(10 * fits, 4 * GB, 2) < 5


@pytest.mark.parametrize(("only", "asked"), [(False, [1, 1, 2, 3, 3]), (True, [1, 1, 1, 1, 3])])
def test_a_database_is_asked_more_often_where_its_rows_do_not_fit(only: bool, asked: list[int]) -> None:
    """Of 2 GB a worker that works alone has 1.5 for its rows, one of two 0.625: 2.4 shares are alone's."""
    alone, share = 1500 * MB // READ, 625 * MB // READ
    assert [reads_for(rows, 2 * GB, 2, only=only) for rows in (0, share, share + 1, alone, alone + 1)] == asked


@pytest.mark.parametrize(("rows", "says"), [(2000, ""), (2001, "takes at least 3 GB, and this machine has 3")])
def test_a_study_that_no_memory_of_the_machine_holds_is_stopped(
    monkeypatch: pytest.MonkeyPatch, rows: int, says: str
) -> None:
    monkeypatch.setattr(memory, "_machine", lambda: 2000 * 1000 * ONE_PIECE)
    with pytest.raises(MemoryShort, match=says) if says else nullcontext() as stopped:
        check_one_piece(rows * 1000)
    assert stopped is None or "--memory 2GB" in stopped.value.do


def test_where_nothing_is_known_of_the_machine_nothing_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_machine", lambda: None)
    check_one_piece(10**12)


def test_digests_of_parts_add_up() -> None:
    digits = add_digests(["f" * 64, "0" * 63 + "3"])  # 2^256 - 1 + 3 = 2 modulo 2^256
    assert digits == "0" * 63 + "2"


def test_memory_that_libraries_alone_take_is_refused() -> None:
    with pytest.raises(MemoryShort, match="not enough for 2 workers"):
        parts_for(1, 800 * MB, 2)
