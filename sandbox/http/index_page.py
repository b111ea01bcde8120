"""GET /: which functions there are, and where."""

from collections.abc import Iterable
from html import escape

from sandbox.core.spec import FunctionSpec
from sandbox.http.addresses import trigger_addresses, trigger_methods

__all__ = ["index_html", "index_text"]

_PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>fcbox</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 50em; margin: 2em auto; padding: 0 1em }}
td, th {{ text-align: left; vertical-align: top; padding: 0.3em 2em 0.3em 0 }}
</style>
<h1>fcbox</h1>
<table>
<tr><th>function</th><th>address</th></tr>
{rows}
</table>
</html>
"""


def index_text(specs: Iterable[FunctionSpec], host: str, port: int) -> str:
    """One line for each address."""
    lines = (
        f"{spec.name}  {method}  {url}"
        for spec in specs
        for method, url, _ in _entries(spec, host, port)
    )
    return "\n".join(lines) + "\n"


def index_html(specs: Iterable[FunctionSpec], host: str, port: int) -> str:
    """The same for a browser, which can only open what has an HTTP trigger."""
    return _PAGE.format(rows="\n".join(_row(spec, host, port) for spec in specs))


def _row(spec: FunctionSpec, host: str, port: int) -> str:
    cells = [
        f'{method} <a href="{escape(url)}">{escape(url)}</a>' if is_page else
        f"{method} {escape(url)}"
        for method, url, is_page in _entries(spec, host, port)
    ]  # fmt: skip
    return f"<tr><td>{escape(spec.name)}</td><td>{'<br>'.join(cells)}</td></tr>"


def _entries(spec: FunctionSpec, host: str, port: int) -> list[tuple[str, str, bool]]:
    """Methods, address, and whether a browser can open it."""
    methods = trigger_methods(spec)
    shown, is_page = ",".join(methods) or "ANY", not methods or "GET" in methods
    urls = trigger_addresses(spec.name, host, port) if spec.http_triggers else ()
    invoke = f"http://{host}:{port}/2023-03-30/functions/{spec.name}/invocations"
    return [*((shown, url, is_page) for url in urls), ("POST", invoke, False)]
