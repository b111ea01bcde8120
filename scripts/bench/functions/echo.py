"""Gives its event back. It imports nothing: what is measured is fcbox."""


def initialize(context):
    pass


def handler(event, context):
    return event


def print_and_echo(event, context):
    print("one line of about sixty characters, as a function would print")
    return event


def answer_bytes(event, context):
    return b"x" * int(event)
