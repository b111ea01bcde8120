"""Gives its event back; says what else is asked for in the first word of the event."""

import os
import signal


def initialize(context):
    pass


def handler(event, context):
    return event


def handler_or_crash(event, context):
    if event == b"die":
        os.kill(os.getpid(), signal.SIGKILL)
    return event


def print_and_echo(event, context):
    print("one line of about sixty characters, as a function would print")
    return event


def answer_mb(event, context):
    return b"x" * int(event)
