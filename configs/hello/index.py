"""Greets whoever the event names: {"name": "world"} gives "hello, world"."""

import json
import logging


def initialize(context):
    logging.getLogger().info("initializer")


def handler(event, context):
    logger = logging.getLogger()
    logger.info("handler")
    name = json.loads(event or b"{}").get("name", "nobody")
    return "hello, {}".format(name)


def preStop(context):
    logging.getLogger().info("preStop")
