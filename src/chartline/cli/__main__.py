"""python -m chartline.cli, as the tests call it."""

from chartline.cli import entry

entry()
