"""python -m chartline: the same as the command `chartline`."""

from chartline.cli import entry

if __name__ == "__main__":  # a worker process of a run that `spark-submit` started imports this file again
    entry()
