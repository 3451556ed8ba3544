"""Synthetic data whose truth is known: databases to measure and rehearse with. Never presented as real."""
