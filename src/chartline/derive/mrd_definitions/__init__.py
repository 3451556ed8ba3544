"""MRD definitions, one declarative rule set a file."""
