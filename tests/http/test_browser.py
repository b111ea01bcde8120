"""A real browser opens the page of a function with an HTTP trigger.

What curl does not show: whether the browser finds the host name, takes what comes for a page, and
may call the function again from there.
"""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.http.serving import serving, write_config

PAGE = '''
import base64
import json

PIXEL = ("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9"
         "awAAAABJRU5ErkJggg==")
HTML = """<!doctype html>
<title>a function's page</title>
<h1>hello from %s</h1>
<p id="said">nothing yet</p>
<img id="pixel" src="/pixel.png">
<script>
fetch("/\\u4f60\\u597d?\\u540d=\\u4e16\\u754c", {method: "POST", body: "\\u5185\\u5bb9"})
    .then(answer => answer.json())
    .then(told => {
        document.getElementById("said").textContent =
            [told.method, told.path, told.name, told.body, document.cookie].join("|");
    });
window.onload = () => {
    const pixel = document.getElementById("pixel");
    document.body.append(document.createTextNode("wide: " + pixel.naturalWidth));
};
</script>
"""

def handler(event, context):
    request = json.loads(event)
    told = request["requestContext"]
    if request["rawPath"] == "/":
        return {"statusCode": 200, "headers": {"Set-Cookie": "seen=yes"},
                "body": HTML % told["domainName"]}
    if request["rawPath"] == "/pixel.png":
        return {"statusCode": 200, "headers": {"Content-Type": "image/png"}, "body": PIXEL,
                "isBase64Encoded": True}
    return {"method": told["http"]["method"], "path": told["http"]["path"],
            "name": request["queryParameters"].get("\\u540d"), "body": request["body"]}
'''
FLAGS = [
    "--headless=new",
    "--no-sandbox",  # it refuses to be root otherwise
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
    # It may talk to this machine and to nobody else.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE *.localhost",
    "--virtual-time-budget=10000",
]

Open = Callable[[str], str]


@pytest.fixture
def open_page(tmp_path: Path) -> Open:
    """Opens an address, lets its scripts run, gives what the page is then."""
    browser = shutil.which("chromium")
    if browser is None:
        if os.environ.get("CI") == "true":
            pytest.fail("no browser: apt-get install chromium")
        pytest.skip("no browser: apt-get install chromium")

    def open_page(address: str) -> str:
        profile = tmp_path / "profile"
        command = [browser, *FLAGS, f"--user-data-dir={profile}", "--dump-dom", address]
        environ = {**os.environ, "HOME": str(tmp_path)}
        done = subprocess.run(
            command, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=90, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    return open_page


@pytest.fixture
def config(tmp_path: Path) -> Path:
    trigger = {"triggerName": "http", "triggerType": "http"}
    return write_config(tmp_path, PAGE, triggers=[trigger])


def test_a_page_of_a_function(tmp_path: Path, config: Path, open_page: Open) -> None:
    with serving(tmp_path, config) as served:
        page = open_page(f"http://f.localhost:{served.port}/")

    assert "<h1>hello from f.localhost</h1>" in page
    assert '<p id="said">POST|/你好|世界|内容|seen=yes</p>' in page
    assert "wide: 1" in page


def test_the_page_of_all_functions(tmp_path: Path, config: Path, open_page: Open) -> None:
    with serving(tmp_path, config) as served:
        page = open_page(f"http://localhost:{served.port}/")

    assert f'<a href="http://f.localhost:{served.port}/">' in page
