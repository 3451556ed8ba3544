"""python -m chartline: the same as the command `chartline`."""

from chartline.cli import entry

entry()
