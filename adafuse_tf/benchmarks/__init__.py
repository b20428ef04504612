"""Measurements, each with both sides in the same run, written to files."""
