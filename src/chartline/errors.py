"""The errors a person can meet, and the exit code each one gives.

A *data* problem is never an error: it is a `Query` that a centre can answer (`core/query.py`). An error means
that the protocol, a mapping, a file or the place to write to is not what it must be; its text says what is
wrong, where, what was expected and what to do.
"""

from __future__ import annotations


class StudyError(Exception):
    """Base of every expected failure. `code` is stable; `exit_code` is what the command line returns."""

    code = "study"
    exit_code = 1

    def __init__(self, what: str, *, where: str = "", expected: str = "", do: str = "") -> None:
        self.what, self.where, self.expected, self.do = what, where, expected, do
        super().__init__(str(self))

    def __str__(self) -> str:
        lines = [self.what]
        if self.where:
            lines.append(f"  where:    {self.where}")
        if self.expected:
            lines.append(f"  expected: {self.expected}")
        if self.do:
            lines.append(f"  do:       {self.do}")
        return "\n".join(lines)


class ProtocolError(StudyError):
    """The protocol file is missing, is not valid YAML, or declares something that cannot be."""

    code = "protocol"
    exit_code = 10


class SourceError(StudyError):
    """A centre's file is missing, unreadable, or not what its name says."""

    code = "source"
    exit_code = 11


class MappingError(StudyError):
    """A mapping is not valid, or does not fit the file it maps."""

    code = "mapping"
    exit_code = 11


class AmendmentError(StudyError):
    """An answer names a cell that does not exist, or whose content is not what the answer saw."""

    code = "amendment"
    exit_code = 11


class OverrideError(StudyError):
    """A reviewer's override is not one that can be followed, or lacks who, when or why."""

    code = "override"
    exit_code = 11


class BlockingQueries(StudyError):
    """`--strict` was asked for and queries that block an endpoint are open."""

    code = "queries"
    exit_code = 12


class OutputError(StudyError):
    """The out folder cannot be written (read-only, full, or not a folder of ours)."""

    code = "output"
    exit_code = 13


class VerificationError(StudyError):
    """`chartline verify` found a value that does not agree with its reference, or one that it could not compare."""

    code = "verification"
    exit_code = 14


class StateError(StudyError):
    """The study's state (`study.sqlite`) is broken, has been edited, or is being written by somebody else."""

    code = "state"
    exit_code = 15


class LockError(StudyError):
    """The study is locked and what it is made from has changed, or something was asked that a lock forbids."""

    code = "lock"
    exit_code = 16


class MemoryShort(StudyError):
    """The memory allowed (`--memory`) is not enough for the run as it was asked for."""

    code = "memory"
    exit_code = 17


class WorkerLost(StudyError):
    """A process of a run was killed: the one that writes the report, or twice a worker over the same part."""

    code = "worker"
    exit_code = 18
