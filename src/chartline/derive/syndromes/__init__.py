"""Criteria of syndromes as data, one YAML file a set; what a file may say: `derive/syndrome_rules.py`."""
