"""What `scripts/load.py` is made of.

checks.py   what is promised: answers, runs, memory, what is held and what is left
client.py   kept connections, the load that they make, and who kills the workers
served.py   the supervisor under load, and its function
"""
