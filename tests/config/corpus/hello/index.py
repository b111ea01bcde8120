def initialize(context):
    pass


def handler(event, context):
    return event


def preStop(context):
    pass
