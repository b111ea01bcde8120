"""What is measured. `python -m bench.subjects.MODULE SUBJECT JSON` prints {series: samples}.

Each run is a fresh process, so that no subject inherits another's heap, threads or children.
Times are in seconds, sizes in MB.
"""
