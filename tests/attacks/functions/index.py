"""The function that attacks: the event names what is tried and has the facts to try it with."""

import json

import daemons
import files
import forging
import information
import kernel
import leftovers
import neighbours
import network
import privileges
import processes
import secrets_of_host
import signals
import terminal

MODULES = (
    daemons, files, forging, information, kernel, leftovers, network, neighbours, privileges,
    processes, secrets_of_host, signals, terminal,
)  # fmt: skip
ATTACKS = {name: attack for module in MODULES for name, attack in module.ATTACKS.items()}


def handler(event, context):
    """What the attack achieved, in words; empty when it was blocked."""
    facts = json.loads(event.decode("utf-8"))
    facts["own_id"] = context.request_id
    return sorted(set(ATTACKS[facts["attack"]](facts)))
