"""A multiverse that cannot be meant is refused before any patient is read, with its line and the way out."""

from __future__ import annotations

from pathlib import Path

import pytest

from chartline.errors import ProtocolError
from chartline.protocol.load import load_protocol
from chartline.protocol.specify import Specifications

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "inotuzumab-india" / "protocol.yaml"


def load(tmp_path: Path, multiverse: str) -> None:
    """Load the example with another multiverse."""
    text = EXAMPLE.read_text(encoding="utf-8")
    file = tmp_path / "protocol.yaml"
    file.write_text(text[: text.index("multiverse:\n")] + multiverse, encoding="utf-8")
    load_protocol(file)


def switch(*options: str, name: str = "s") -> str:
    lines = "\n".join(f"        {o}" for o in options)
    return f"    {name}:\n      label: S\n      options:\n{lines}\n"


HEAD = "multiverse:\n  outcomes: [os_12m]\n  switches:\n"


@pytest.mark.parametrize(
    ("options", "says", "expects"),
    [
        (["a: {}", "b: {response.window: [0, 28]}"], "there is no `window`", "counts_window_days"),
        (["a: {}", "b: {endpoints.DORR.events: [relapse]}"], "there is no `DORR`", "did you mean `DOR`?"),
        (["a: {}", "b: {respons.criteria: x}"], "there is no `respons`", "did you mean `response`?"),
        (["a: {}", "b: {data.cut_off: 2020-01-01}"], "`data` is no choice of analysis", "partial_dates"),
        (["a: {}", "b: {endpoints.DOR.id: X}"], "there is no `id`", "censor_at"),
        (["a: {}", "b: {endpoints.DOR: {id: DOR}}"], "changed as a whole", "endpoints.DOR.use"),
        (["a: {}", "b: {sets: {}}"], "changed as a whole", "sets.treated"),
        (
            ["a: {}", "b: {partial_dates: middle}"],
            "not valid under `b` (s): `middle` is not one of the words",
            "'mid', 'first'",
        ),
        (["a: {}", "b: {analyses.cr_rate.population: al}"], "There is no analysis set `al`", "known: treated"),
        (["a: {}", "b: {laboratory.grading: 3}"], "`3` is not text (at laboratory.grading)", "stands in quotes"),
    ],
)
def test_what_an_option_changes_is_found(tmp_path: Path, options: list[str], says: str, expects: str) -> None:
    with pytest.raises(ProtocolError) as e:
        load(tmp_path, HEAD + switch(*options))
    assert says in e.value.what
    assert expects in e.value.expected
    line = (tmp_path / "protocol.yaml").read_text(encoding="utf-8").splitlines().index(f"        {options[1]}") + 1
    assert f"line {line}, at multiverse.switches.s.options.b" in e.value.where
    assert e.value.exit_code == 10


@pytest.mark.parametrize(
    ("multiverse", "says"),
    [
        (HEAD + switch("a: {partial_dates: first}", "b: {}"), "`a` must be {}"),
        (HEAD + switch("a: {}", "b: {}"), "`b` must name what it changes"),
        (HEAD + switch("a: {}"), "at least two options"),
        (HEAD + "    s: {label: S}\n", "either `options` or `leave_out`"),
        (HEAD + switch("a: {}", "b: {partial_dates: first}") + "      leave_out: SITEID\n", "either `options` or"),
        (HEAD + "    a: {label: A, leave_out: SITEID}\n    b: {label: B, leave_out: SITEID}\n", "only one switch"),
        (HEAD + "    Centre: {label: A, leave_out: SITEID}\n", "`Centre` cannot be the name of a switch"),
        (HEAD + "    outcome: {label: A, leave_out: SITEID}\n", "`outcome` cannot be the name of a switch"),
        (HEAD + switch("5.0: {}", "b: {partial_dates: first}"), "is not text"),
        (HEAD.replace("[os_12m]", "[]") + switch("a: {}", "b: {partial_dates: first}"), "1 or more, found 0"),
        (HEAD.replace("outcomes", "outcome") + switch("a: {}", "b: {}"), "did you mean `outcomes`?"),
    ],
)
def test_a_switch_is_whole(tmp_path: Path, multiverse: str, says: str) -> None:
    with pytest.raises(ProtocolError) as e:
        load(tmp_path, multiverse)
    assert says in str(e.value)
    assert "line" in e.value.where


@pytest.mark.parametrize(
    ("outcome", "says"),
    [
        ("os_12", "There is no headline key `os_12`"),
        ("oss/median", "There is no analysis `oss`"),
    ],
)
def test_an_outcome_is_a_headline_key_or_a_result(tmp_path: Path, outcome: str, says: str) -> None:
    with pytest.raises(ProtocolError) as e:
        load(tmp_path, HEAD.replace("os_12m", outcome) + switch("a: {}", "b: {partial_dates: first}"))
    assert says in e.value.what
    assert "at multiverse.outcomes" in e.value.where


@pytest.mark.parametrize("path", ["endpoints.DOR.events", "endpoints.DOR"])
def test_two_switches_cannot_change_one_thing(tmp_path: Path, path: str) -> None:
    second = "{response.criteria: ino_vate}" if path == "endpoints.DOR" else f"{{{path}: [relapse]}}"
    first = "{response: {criteria: ino_vate}}" if path == "endpoints.DOR" else f"{{{path}: [death]}}"
    text = switch("a: {}", f"b: {first}", name="one") + switch("a: {}", f"b: {second}", name="two")
    with pytest.raises(ProtocolError, match="The switches one and two both change") as e:
        load(tmp_path, HEAD + text)
    assert "at multiverse.switches.two" in e.value.where


def test_millions_of_specifications_are_a_slip_of_the_pen(tmp_path: Path) -> None:
    fields = ("on_treatment_days", "baseline_days")
    text = "".join(switch("a: {}", *(f"b{i}: {{laboratory.{f}: {i}}}" for i in range(1, 300)), name=f) for f in fields)
    with pytest.raises(ProtocolError, match="make 90,000 specifications"):
        load(tmp_path, HEAD + text)


def test_protocols_share_what_no_chosen_option_changes() -> None:
    protocol = load_protocol(EXAMPLE)
    s = Specifications(protocol)
    window, support = s.names.index("counts_window"), s.names.index("support")
    one = s.under(tuple(1 if i == window else 0 for i in range(len(s.names))))
    both = s.under(tuple(1 if i in (window, support) else 0 for i in range(len(s.names))))
    assert one.response.counts_window_days == both.response.counts_window_days == (0, 28)
    assert (one.response.support_free_days, both.response.support_free_days) == (None, 14)
    assert one.response_variants["PM7"].counts_window_days == (-7, 7)  # it says so itself
    assert both.response_variants["PM7"].support_free_days == 14  # this it does not
    assert one.endpoints is both.endpoints is protocol.endpoints
    assert s.under((0,) * len(s.names)) is protocol
    assert len(s) == len(list(s.choices())) >= 500
