"""Greets whoever the event names: {"name": "world"} gives "hello, world"."""

import json
import logging

logger = logging.getLogger()
greeting = None


def initialize(context):
    """Once per instance, before its first request: load and open here what all requests need."""
    global greeting
    greeting = "hello"
    logger.info("initialized")


def handler(event, context):
    """Once per request; the event is bytes."""
    name = json.loads(event or b"{}").get("name", "nobody")
    logger.info("greeting %s", name)
    return "{}, {}".format(greeting, name)


def pre_stop(context):
    """Once per instance, before it ends: close what was opened."""
    logger.info("stopped")
