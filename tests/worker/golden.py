"""What every case of case_runner.py must give, on every interpreter: the contract as a table.

Bodies are compared byte for byte. A stack is given as its items: lists for frames, strings for
the flat form of a failure to load.
"""

from __future__ import annotations

import json

__all__ = ["EXPECTED"]


def body(error_type: str, message: str, *stack: object) -> str:
    """The JSON of an error; the key stackTrace is absent when there is no stack."""
    fields: dict[str, object] = {"errorType": error_type, "errorMessage": message}
    if stack:
        fields["stackTrace"] = stack
    return json.dumps(fields, indent=4, sort_keys=True)


RESULTS = {
    "result_str": ["answer", "plain"],
    "result_str_chinese": ["answer", "ä½\xa0å¥½"],
    "result_str_empty": ["answer", ""],
    "result_str_subclass": ["answer", "mine"],
    "result_str_surrogate": [
        "UnicodeEncodeError",
        "'utf-8' codec can't encode character '\\ud800' in position 0: surrogates not allowed",
    ],
    "result_bytes": ["answer", "\x00ÿ"],
    "result_bytes_subclass": ["answer", "mine"],
    "result_none": ["answer", "null"],
    "result_int": ["answer", "42"],
    "result_int_large": ["answer", "1000000000000000000000000000000"],
    "result_float": ["answer", "1.5"],
    "result_nan": ["answer", "NaN"],
    "result_infinity": ["answer", "Infinity"],
    "result_true": ["answer", "true"],
    "result_dict": [
        "answer",
        (
            '{\n    "a": "\\u4f60\\ud800",\n    "b": [\n        1,\n        null\n    ],\n'
            '    "c": {}\n}'
        ),
    ],
    "result_list": ["answer", '[\n    1,\n    "two",\n    []\n]'],
    "result_tuple": ["answer", "[\n    1,\n    [\n        2.0\n    ]\n]"],
    "result_keys": ["answer", '{\n    "false": "c",\n    "1": "a",\n    "2.5": "b"\n}'],
    "result_none_key": ["answer", '{\n    "null": 1\n}'],
    "result_datetime": ["answer", '"2024-03-04T09:57:28"'],
    "result_date": ["answer", '{\n    "day": "2024-03-04"\n}'],
    "result_decimal": ["answer", "1.1"],
    "result_decimals": ["answer", "[\n    2.0,\n    NaN\n]"],
    "result_to_json": ["answer", '{\n    "a": [\n        2\n    ],\n    "b": 1\n}'],
    "result_to_json_str": ["answer", '"{\\"a\\": 1}"'],
    "result_to_json_none": ["answer", "[\n    null\n]"],
    "result_bytearray": ["TypeError", "bytearray(b'x') is not JSON serializable"],
    "result_set": ["TypeError", "{1} is not JSON serializable"],
    "result_generator_class": ["TypeError", "<class 'generator'> is not JSON serializable"],
    "result_complex": ["TypeError", "1j is not JSON serializable"],
    "result_named": ["TypeError", "<Named, twice> is not JSON serializable"],
    "result_unprintable": ["TypeError", "<unprintable Thing object> is not JSON serializable"],
    "result_bytes_inside": ["TypeError", "b'x' is not JSON serializable"],
    "result_mixed_keys": ["TypeError", "'<' not supported between instances of 'str' and 'int'"],
    "result_tuple_key": ["TypeError", "keys must be str, int, float, bool or None, not tuple"],
    "result_unprintable_key": ["TypeError", "keys must be str, int, float, bool or None, not Key"],
    "result_circle": ["ValueError", "Circular reference detected"],
    "result_deep": ["RecursionError"],
    "result_endless": ["RecursionError"],
    "result_stack_is_a_list_of_lists": [["list", 4, True]],
}
FAILURES = {
    "failure_handler": body(
        "MyError",
        "boom, café",
        ['File "/code/index.py"', "line 5", "in handler", "return my_handler(event)"],
        ['File "/code/index.py"', "line 7", "in my_handler", "raise MyError('boom, caf\\u00e9')"],
    ),
    "failure_chained": body(
        "ValueError",
        "second",
        ['File "/code/index.py"', "line 12", "in chained", "raise ValueError('second') from exc"],
    ),
    "failure_recursion": body(
        "MyError",
        "bottom",
        ['File "/code/index.py"', "line 16", "in recurse", "descend(5)"],
        ['File "/code/index.py"', "line 20", "in descend", "descend(left - 1)"],
        ['File "/code/index.py"', "line 20", "in descend", "descend(left - 1)"],
        ['File "/code/index.py"', "line 20", "in descend", "descend(left - 1)"],
        ["[Previous line repeated 2 more times]", ""],
        ['File "/code/index.py"', "line 19", "in descend", "raise MyError('bottom')"],
    ),
    "failure_no_caret": body(
        "KeyError",
        "'b'",
        ['File "/code/index.py"', "line 23", "in subscript", "return nested['a']['b']['c']"],
    ),
    "failure_no_suggestion": body(
        "NameError",
        "name 'handlr' is not defined",
        ['File "/code/index.py"', "line 25", "in wrong_name", "return handlr"],
    ),
    "failure_comma_in_path": body(
        "KeyError", "'x'", ['File "/code/a', 'b.py"', "line 2", "in handler", "raise KeyError('x')"]
    ),
    "failure_import_inside": body(
        "RuntimeError",
        "not today",
        ['File "/code/index.py"', "line 27", "in lazy_import", "import raises_at_import"],
        [
            'File "/code/raises_at_import.py"',
            "line 2",
            "in <module>",
            "raise RuntimeError('not today')",
        ],
    ),
    "failure_no_source": body(
        "ZeroDivisionError",
        "division by zero",
        [
            'File "/code/index.py"',
            "line 29",
            "in in_exec",
            "exec(compile('1 / 0', '<generated>', 'exec'))",
        ],
        ['File "<generated>"', "line 1", "in <module>", ""],
    ),
    "failure_lambda": body(
        "IndexError",
        "list index out of range",
        ['File "/code/index.py"', "line 31", "in closure", "return (lambda: [][0])()"],
        ['File "/code/index.py"', "line 31", "in <lambda>", "return (lambda: [][0])()"],
    ),
    "failure_no_user_frame": body(
        "TypeError", "no_arguments() takes 0 positional arguments but 2 were given"
    ),
    "failure_not_callable": body("TypeError", "'int' object is not callable"),
    "failure_hostile": body(
        "Bad",
        "<unprintable Bad object>",
        ['File "/code/hostile.py"', "line 40", "in bad", 'raise Bad("x")'],
    ),
    "failure_nameless": body(
        "Nameless",
        "x",
        ['File "/code/hostile.py"', "line 42", "in nameless", 'raise Nameless("x")'],
    ),
    "failure_str_subclass": body(
        "Subclass",
        "a subclass",
        ['File "/code/hostile.py"', "line 44", "in subclass", "raise Subclass()"],
    ),
    "failure_base_exception": body(
        "Odd",
        "not an Exception",
        ['File "/code/hostile.py"', "line 46", "in odd", 'raise Odd("not an Exception")'],
    ),
    "failure_str_exits": body(
        "Exits",
        "<unprintable Exits object>",
        ['File "/code/hostile.py"', "line 48", "in exits", "raise Exits()"],
    ),
    "failure_surrogate": body(
        "Odd",
        "\ud800",
        ['File "/code/hostile.py"', "line 50", "in surrogate", 'raise Odd("\\ud800")'],
    ),
    "failure_str_is_called_once": 1,
    "failure_in_to_json": [
        ['File "/code/index.py"', "line 36", "in to_json", "raise MyError('in to_json')"]
    ],
    "failure_import_module": ["in import_module", "in import_module", "in <module>"],
    "failure_long_message": [1048576, []],
    "failure_long_stack": [2000, "in even", "in odd", "in odd"],
}
LOADS = {
    "load_missing_function": body(
        "HandlerNotFound",
        "Handler 'missing' is missing on module 'index'",
        "AttributeError: module 'index' has no attribute 'missing'",
    ),
    "load_no_function_name": body(
        "HandlerNotFound",
        "Handler '' is missing on module 'index'",
        "AttributeError: module 'index' has no attribute ''",
    ),
    "load_file_missing": body(
        "ImportModuleError",
        "Unable to import module 'nofile'",
        "ImportError: No module named 'nofile'",
    ),
    "load_folder_missing": body(
        "ImportModuleError",
        "Unable to import module 'nofolder.main'",
        "ImportError: No module named 'nofolder'",
    ),
    "load_file_missing_in_folder": body(
        "ImportModuleError",
        "Unable to import module 'pkg.sub.nofile'",
        "ImportError: No module named 'nofile'",
    ),
    "load_slash_missing": body(
        "ImportModuleError",
        "Unable to import module 'pkg/none/main'",
        "ImportError: No module named 'main'",
    ),
    "load_dependency": body(
        "ImportModuleError",
        "Unable to import module 'dependency'",
        "ModuleNotFoundError: No module named 'requests_that_nobody_has'",
    ),
    "load_nodot": body(
        "InvalidHandleName",
        "Invalid handler 'nodot'",
        "ValueError: not enough values to unpack (expected 2",
        "got 1)",
    ),
    "load_no_module_name": body(
        "ImportModuleError", "Unable to import module ''", "ImportError: No module named ''"
    ),
    "load_value_error": body("InvalidHandleName", "Invalid handler 've'", "ValueError: v"),
    "load_other_exception": body(
        "UserCodeError", "Module initialization error: 'a, b\nc'", "boom.Boom: a", "b", "c"
    ),
    "load_unprintable": body(
        "UserCodeError",
        "Module initialization error: '<unprintable Bad object>'",
        "hostile.Bad: <unprintable Bad object>",
    ),
    "load_nameless": body(
        "UserCodeError", "Module initialization error: 'x'", "hostile.Nameless: x"
    ),
    "load_bare": body("UserCodeError", "Module initialization error: ''", "RuntimeError"),
    "load_base_exception": body(
        "UserCodeError", "Module initialization error: 'o'", "hostile.Odd: o"
    ),
    "load_raises_syntax": body(
        "UserCodeSyntaxError",
        "Syntax error in module 'raises_syntax'",
        "SyntaxError: of my own, really",
    ),
    "load_hostile_syntax": body(
        "UserCodeSyntaxError", "Syntax error in module 'hostile_syntax'", "Bad: own words"
    ),
    "load_outside": body(
        "ImportModuleError",
        "Unable to import module '../outside'",
        "ImportError: No module named 'outside'",
    ),
    "load_namespace": body(
        "ImportModuleError",
        "Unable to import module 'pkg.sub'",
        "ImportError: No module named 'sub'",
    ),
    "load_syntax_error": body(
        "UserCodeSyntaxError",
        "Syntax error in module 'no_colon'",
        'File "/code/no_colon.py"',
        "line 1",
        "def handler(event, context)",
        "SyntaxError",
    ),
    "load_nested_syntax_error": body(
        "UserCodeSyntaxError",
        "Syntax error in module 'imports_no_colon'",
        'File "/code/no_colon.py"',
        "line 1",
        "def handler(event, context)",
        "SyntaxError",
    ),
    "load_indentation": body(
        "UserCodeSyntaxError",
        "Syntax error in module 'indent'",
        'File "/code/indent.py"',
        "line 3",
        "b = 2",
        "IndentationError",
    ),
    "load_null_byte": body("UserCodeSyntaxError", "Syntax error in module 'null'", "SyntaxError"),
    "loaded_hyphen": "hyphen-ated",
    "loaded_package": "package",
    "loaded_dotted": ["pkg.sub.main", "pkg.sub", ["pkg", "sub", "main.py"]],
    "loaded_slash": ["pkg/sub/main", "", ["pkg", "sub", "main.py"]],
    "loaded_slash_sys_path": [],
    "loaded_relative_import": "from beside",
    "loaded_user_worker": "the user's wire",
    "loaded_replaced_module": "in its place",
    "load_absolute": ["ImportError: No module named 'index'"],
    "load_unicode_error": ["InvalidHandleName", "Invalid handler 'ue'"],
    "load_dotted_runs_no_init": None,
    "load_user_json": [True, True, True],
    "load_system_exit": [4, False],
    "load_failure_is_not_cached": ["Module initialization error: 'first time'", False, 2, 2],
    "load_new_file_is_seen": ["ImportModuleError", "seen"],
    "load_shares_the_module": [
        True,
        True,
        True,
        "def handler(event, context): return Thing()",
        True,
    ],
    "load_registers_the_module": ["index", "index", True],
    "load_two_loaders_one_module": True,
    "load_is_cached": True,
    "load_hint": [
        "Handler 'handler' is missing on module 'near'",
        "functions in module 'near': handle",
    ],
    "split": [
        ["index", "index.py", "handler"],
        ["pkg.sub.main", "pkg/sub/main.py", "h"],
        ["pkg/sub/main", "pkg/sub/main.py", "h"],
        ["pkg/a.b", "pkg/a/b.py", "h"],
        ["a-b", "a-b.py", "h"],
        ["v.1/m", "v.1/m.py", "h"],
    ],
}
CONTEXTS = {
    "context_old": {
        "request_id": "rid",
        "requestId": "rid",
        "credentials": {
            "access_key_id": "id",
            "accessKeyId": "id",
            "access_key_secret": "key",
            "accessKeySecret": "key",
            "security_token": "token",
            "securityToken": "token",
        },
        "function": {"name": "f", "handler": "index.handler", "memory": 512, "timeout": 3},
        "service": {
            "name": "s",
            "log_project": "project",
            "log_store": "store",
            "qualifier": "LATEST",
            "version_id": "1",
        },
        "region": "cn-hangzhou",
        "account_id": "123",
        "retry_count": 0,
        "tracing": {"span_context": None, "jaeger_endpoint": None, "span_baggages": {}},
        "logger": None,
    },
    "context_new": {
        "request_id": "rid",
        "function": {
            "name": "f",
            "handler": "index.handler",
            "memory": 512,
            "timeout": 3,
            "version_id": "1",
            "qualifier": "LATEST",
        },
        "region": "cn-hangzhou",
        "logger": "<RootLogger root (WARNING)>",
        "account_id": "123",
        "log_project": "project",
        "log_store": "store",
    },
    "context_has_credentials_python3": True,
    "context_has_credentials_python3.9": True,
    "context_has_credentials_python3.12": False,
    "context_to_json": (
        '{"requestId": "rid", "credentials": {"accessKeyId": "id", '
        '"accessKeySecret": "key", "securityToken": "token"}, '
        '"function": {"name": "f", "handler": "index.handler", "memory": 512, '
        '"timeout": 3}, "service": {"name": "s", "logProject": "project", '
        '"logStore": "store", "qualifier": "LATEST", "versionId": "1"}, '
        '"region": "cn-hangzhou", "accountId": "123", "retryCount": 0, '
        '"tracing": {"openTracingSpanContext": null, "openTracingSpanBaggages": {}, '
        '"jaegerEndpoint": null}}'
    ),
    "context_to_json_new": (
        '{"requestId": "rid", "function": {"name": "f", "handler": "index.handler", '
        '"memory": 512, "timeout": 3, "versionId": "1", "qualifier": "LATEST"}, '
        '"region": "cn-hangzhou", "accountId": "123", "logProject": "project", '
        '"logStore": "store"}'
    ),
    "context_as_a_result": '"{\\"requestId\\": \\"rid',
    "context_is_new_for_each_request": ["one", "two", "cn-hangzhou", False],
    "context_logger": [True, None, "FCContext"],
    "context_of_a_bare_setup": {
        "name": "",
        "log_project": "",
        "log_store": "",
        "qualifier": "",
        "version_id": "",
    },
}
LOGS = {
    "log_doc": [
        ["INFO", "2024-03-04 09:57:28.192 rid [info] info: 1"],
        ["WARNING", "2024-03-04 09:57:28.192 rid [warning] warning: 1"],
        ["ERROR", "2024-03-04 09:57:28.192 rid [error] error: 1"],
        ["CRITICAL", "2024-03-04 09:57:28.192 rid [critical] critical: 1"],
        ["Level 35", "2024-03-04 09:57:28.192 rid [level 35] two\nlines"],
    ],
    "log_runtime": [
        ["INFO", "2024-03-04T09:57:28.192Z rid [INFO] info: 1"],
        ["WARNING", "2024-03-04T09:57:28.192Z rid [WARNING] warning: 1"],
        ["ERROR", "2024-03-04T09:57:28.192Z rid [ERROR] error: 1"],
        ["CRITICAL", "2024-03-04T09:57:28.192Z rid [CRITICAL] critical: 1"],
        ["Level 35", "2024-03-04T09:57:28.192Z rid [Level 35] two\nlines"],
    ],
    "log_exception": [
        1,
        ["2024-03-04 09:57:28.192 rid [error] failed", "Traceback (most recent call last):"],
        "KeyError: 'x'",
    ],
    "log_propagates": [["DEBUG", "2024-03-04 09:57:28.192 rid [debug] from below"]],
    "log_other_thread": [["INFO", "2024-03-04 09:57:28.192 next [info] from a thread"]],
    "log_set_up_twice": [1, 1],
    "log_users_own_format": [["INFO", "2024-03-04 09:57:28,192 rid mine"]],
    "log_bad_arguments": [[], True, True],
    "log_unprintable_message": [[], True],
    "log_closed_stderr": "",
    "log_limit": [True, "你"],
    "log_surrogate": [["INFO", "2024-03-04 09:57:28.192 rid [info] \\ud800 你"]],
    "dump": [
        "2024-03-04 09:57:28.500 rid [error] Dumping stack trace after function timeout",
        "2024-03-04 09:57:28.500 rid [error] request id = rid, thread id = MAIN",
        '  File "/code/index.py", line 41, in call',
        "2024-03-04 09:57:28.500 rid [error] request id = rid, thread id = OTHER",
        '  File "/code/blocked.py", line 3, in wait',
    ],
    "dump_below_our_frames": [
        "2024-03-04 09:57:28.500 rid [error] Dumping stack trace after function timeout",
        "2024-03-04 09:57:28.500 rid [error] request id = rid, thread id = MAIN",
        '2024-03-04 09:57:28.500 rid [error]   File "/code/index.py", line 43, in outer',
        "    return call(function)",
        '  File "/code/index.py", line 41, in call',
        "    return function()",
    ],
    "dump_runtime_layout": (
        "2022-03-31T02:57:49.750Z rid [ERROR] Dumping stack trace after function timeout"
    ),
}
PROCESS = {
    "environment_given": {
        "HOME": "/tmp/home",
        "PYTHONIOENCODING": "utf-8:surrogateescape",
        "FC_FUNC_CODE_PATH": "/real/code/",
        "FC_ACCOUNT_ID": "123",
        "FC_FUNCTION_HANDLER": "index.handler",
        "FC_FUNCTION_MEMORY_SIZE": "512",
        "FC_FUNCTION_NAME": "f",
        "FC_REGION": "cn-hangzhou",
        "FC_INSTANCE_ID": "c-1",
        "FC_RUNTIME_VERSION": "python3.10",
        "FC_VER_ID": "1",
        "FC_FUNCTION_VERSION": "1",
        "FC_QUALIFIER": "LATEST",
        "FC_SERVICE_NAME": "s",
        "ALIBABA_CLOUD_ACCESS_KEY_ID": "id",
        "accessKeyID": "id",
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "key",
        "accessKeySecret": "key",
        "ALIBABA_CLOUD_SECURITY_TOKEN": "token",
        "securityToken": "token",
    },
    "environment_fc3": {
        "PYTHONIOENCODING": "utf-8:surrogateescape",
        "FC_FUNC_CODE_PATH": "/real/code/",
        "FC_ACCOUNT_ID": "123",
        "FC_FUNCTION_HANDLER": "index.handler",
        "FC_FUNCTION_MEMORY_SIZE": "512",
        "FC_FUNCTION_NAME": "f",
        "FC_REGION": "cn-hangzhou",
        "FC_INSTANCE_ID": "c-1",
        "FC_RUNTIME_VERSION": "python3.10",
        "FC_VER_ID": "2",
        "FC_FUNCTION_VERSION": "2",
        "FC_QUALIFIER": "LATEST",
    },
    "environment_keys_of_fc3": [
        "ALIBABA_CLOUD_ACCESS_KEY_ID",
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
        "ALIBABA_CLOUD_SECURITY_TOKEN",
    ],
    "environment_host": {
        "PATH": "/bin:/code",
        "LANG": "C",
        "LC_ALL": "C",
        "TZ": "UTC",
        "HOME": "/tmp/home",
    },
    "environment_users_own": {
        "A": "1",
        "LANG": "zh",
        "FC_MINE": None,
        "_FC_MINE": None,
        "FC_REGION": "cn-hangzhou",
        "ALIBABA_CLOUD_ACCESS_KEY_ID": "id",
        "PYTHONPATH": "/real/code/lib:/real/opt/x:/usr/y:/codex:/real/code",
        "LD_LIBRARY_PATH": "/real/code:/real/opt",
        "OTHER": "/code/lib",
    },
    "environment_no_layers": {"PYTHONPATH": None, "LD_LIBRARY_PATH": "/real/code/lib"},
    "environment_places": {
        "INNER": "/real/b/x",
        "OUTER": "/real/a/x",
        "EXACT": "/real/a",
        "OTHER": "/mnt/ab",
        "LATER": "x:/mnt/a",
        "SLASH": "/real/a/",
        "PYTHONPATH": "/real/a/lib:/real/first/python:/real/second/python:/real/code/x:/real/b",
        "LD_LIBRARY_PATH": "/real/first/lib:/real/second/lib",
    },
    "sys_path_places": [
        "/real/code",
        "/real/first/python/lib/pythonX.Y/site-packages",
        "/real/second/python/lib/pythonX.Y/site-packages",
        "/real/first/python",
        "/real/second/python",
        "/real/a/lib",
        "/std",
    ],
    "sys_path": [
        "/real/code",
        "/real/opt/python/lib/pythonX.Y/site-packages",
        "/real/opt/python",
        "/real/code/lib",
        "/usr/y",
        "/usr/lib/python",
        "/std",
    ],
    "sys_path_no_layers": ["/real", "/std"],
    "imports_nothing_dear": [],
}

EXPECTED: dict[str, object] = {**RESULTS, **FAILURES, **LOADS, **CONTEXTS, **LOGS, **PROCESS}
