"""Tests of the scripts: `python3 -m unittest discover -s tests -t .` in scripts/."""
