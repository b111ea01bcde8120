"""What `scripts/bench.py` is made of.

rows.py        the contract: which subjects are compared, and the bound of every row
report.py      rounds, medians, ratios, verdicts; the table and the JSON
peers.py       the environment that the peers are installed into
subjects/      what is measured; each run is a process of its own that prints samples
functions/     the functions that fcbox runs while it is measured
"""
