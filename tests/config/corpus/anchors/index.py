def handler(event, context):
    return event


other = handler
