"""A web application with the four paths that Function Compute knows, and its own."""

import json
import os

from flask import Flask, request

app = Flask(__name__)


@app.route("/initialize", methods=["POST"])
def initialize():
    print("connections are opened here")
    return "ready"


@app.route("/invoke", methods=["POST"])
def invoke():
    """An invocation: the event is the body."""
    name = json.loads(request.get_data())
    return json.dumps("hello, %s" % name)


@app.route("/pre-stop", methods=["GET"])
def pre_stop():
    print("connections are closed here")
    return "bye"


@app.route("/health", methods=["GET"])
def health():
    return "well"


@app.route("/", methods=["GET"])
def page():
    """An HTTP trigger: requests come as they were sent."""
    return "<h1>hello from a custom runtime</h1>"


if __name__ == "__main__":
    app.run("0.0.0.0", int(os.environ["FC_CUSTOM_LISTEN_PORT"]), threaded=True)
