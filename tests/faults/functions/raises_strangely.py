"""Exceptions and results that resist being reported."""

import time


class Odd(BaseException):
    pass


class Bad(Exception):
    asked = 0

    def __str__(self):
        Bad.asked += 1
        if Bad.asked > 3:
            time.sleep(3600)
        raise ValueError("no str")

    def __repr__(self):
        return repr(self)

    @property
    def args(self):
        raise RuntimeError("no args")


class Thing:
    def __repr__(self):
        raise RuntimeError("no repr")


def odd(event, context):
    raise Odd("not an Exception")


def bad(event, context):
    raise Bad("x")


def thing(event, context):
    return {"thing": Thing()}


def handle(event, context):
    return "not the name that was asked for"
