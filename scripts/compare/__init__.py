"""The parts of compare_parse_spec.py: the official answer, ours, and what differs on purpose."""
