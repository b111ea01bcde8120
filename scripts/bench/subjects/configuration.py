"""fcbox: reading a large configuration, compared with importing what reads it.

The file has a template, variables of several kinds, triggers and lifecycle hooks in each of its
resources; all handlers are looked up in one module. Both parts are timed in one fresh process, as
a command would pay for them; in CPU time, since nothing else is waited for.
"""

import os
import tempfile
import time
from pathlib import Path

from bench.subjects.common import Series, main

_HEAD = """\
edition: 3.0.0
name: app
vars: {prefix: app, region: cn-hangzhou, common: {b: 1}}
template:
  base:
    region: ${vars.region}
    runtime: python3.10
    handler: index.handler
    code: ./
    memorySize: 128
    timeout: 30
    instanceLifecycleConfig:
      initializer: {handler: index.initialize, timeout: 60}
      preStop: {handler: index.preStop, timeout: 60}
resources:
"""
_RESOURCE = """\
  fn_%d:
    component: fc3
    extend: {name: base}
    props:
      functionName: ${vars.prefix}-fn-%d
      description: 'one of many'
      environmentVariables:
        HOME_DIRECTORY: ${env('HOME', 'none')}
        COMMON: ${vars.common.b}
      triggers:
        - triggerName: web
          triggerType: http
          triggerConfig: {authType: anonymous, methods: [GET, POST]}
"""
_CODE = (
    "def initialize(context): ...\ndef handler(event, context): ...\ndef preStop(context): ...\n"
)


def load(resources: int) -> Series:
    """Seconds: one import, one load."""
    with tempfile.TemporaryDirectory() as folder:
        text = _HEAD + "".join(_RESOURCE % (n, n) for n in range(resources))
        Path(folder, "s.yaml").write_text(text)
        Path(folder, "index.py").write_text(_CODE)
        began_s = time.process_time()
        from sandbox.config.compile import load as load_config

        imported_s = time.process_time()
        config = load_config(cwd=folder, environ=dict(os.environ))
        loaded_s = time.process_time()
    if not config.ok or len(config.specs) != resources:
        raise SystemExit(f"a wrong configuration: {config.diagnostics}")
    return {"import": [imported_s - began_s], "load": [loaded_s - imported_s]}


SUBJECTS = {"load": load}

if __name__ == "__main__":
    main(SUBJECTS)
