def initialize(context):
    pass


def handler(event, context):
    return event


def pre_stop(context):
    pass
