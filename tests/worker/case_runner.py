"""Runs every case of the contract under one interpreter and prints the results as JSON.

    pythonX.Y -I -S case_runner.py <repository> <empty folder>

Python 3.6 syntax and the standard library only: the interpreters have nothing else. What each
case must give is in test_contract.py; here is only what to do. The cases run in order, in one
process, after `worker` has been taken out of `sys.modules` as the runtime does.
"""
# ruff: noqa: UP004, UP031, UP032

import json
import os
import sys
import threading

REPOSITORY, SCRATCH = sys.argv[1], sys.argv[2]
sys.path.insert(0, REPOSITORY)
BEFORE = set(sys.modules)

from worker import context, environment, failures, importer, loader, logs, results  # noqa: E402

LOADED = sorted(set(sys.modules) - BEFORE)
OWN_DIR = REPOSITORY  # this file's frames are as little the user's as those of worker/
sys.path.remove(REPOSITORY)
for name in [name for name in sys.modules if name.partition(".")[0] == "worker"]:
    del sys.modules[name]

import datetime  # noqa: E402
import decimal  # noqa: E402
import importlib  # noqa: E402
import inspect  # noqa: E402
import logging  # noqa: E402
import pickle  # noqa: E402

CODE = os.path.join(SCRATCH, "function")
os.mkdir(CODE)
os.chdir(CODE)
sys.path.insert(0, CODE)
importer.install(CODE, os.getcwd())
sys.dont_write_bytecode = True

CASES = {}
FILES = {
    "index.py": """\
import logging
class MyError(Exception):
    pass
def handler(event, context):
    return my_handler(event)
def my_handler(event):
    raise MyError('boom, caf\\u00e9')
def chained(event, context):
    try:
        {}['missing']
    except KeyError as exc:
        raise ValueError('second') from exc
def no_arguments():
    return 1
def recurse(event, context):
    descend(5)
def descend(left):
    if not left:
        raise MyError('bottom')
    descend(left - 1)
def subscript(event, context):
    nested = {'a': {}}
    return nested['a']['b']['c']
def wrong_name(event, context):
    return handlr
def lazy_import(event, context):
    import raises_at_import
def in_exec(event, context):
    exec(compile('1 / 0', '<generated>', 'exec'))
def closure(event, context):
    return (lambda: [][0])()
def encoded(event, context):
    return Half()
class Half(object):
    def to_json(self):
        raise MyError('in to_json')
def forever(started, release):
    started.set()
    release.wait()
def call(function):
    return function()
def outer(function):
    return call(function)
def import_module(event, context):
    import importlib
    importlib.import_module('raises_at_import')
value = 5
""",
    "a,b.py": "def handler(event, context):\n    raise KeyError('x')\n",
    "raises_at_import.py": "count = 1\nraise RuntimeError('not today')\n",
    "hostile.py": """\
class Bad(Exception):
    calls = 0
    def __str__(self):
        Bad.calls += 1
        raise ValueError("no str")
    def __repr__(self):
        return repr(self)
    @property
    def args(self):
        raise RuntimeError("no args")
    @property
    def __traceback__(self):
        raise RuntimeError("no traceback")
    @property
    def __class__(self):
        raise RuntimeError("no class")
class Meta(type):
    @property
    def __name__(cls):
        raise RuntimeError("no name")
    @property
    def __module__(cls):
        raise RuntimeError("no module")
class Nameless(Exception, metaclass=Meta):
    pass
class Text(str):
    def __str__(self):
        raise RuntimeError("no str")
    def __getitem__(self, key):
        raise RuntimeError("no item")
class Subclass(Exception):
    def __str__(self):
        return Text("a subclass")
class Odd(BaseException):
    pass
class Exits(Exception):
    def __str__(self):
        raise SystemExit(3)
def bad(event, context):
    raise Bad("x")
def nameless(event, context):
    raise Nameless("x")
def subclass(event, context):
    raise Subclass()
def odd(event, context):
    raise Odd("not an Exception")
def exits(event, context):
    raise Exits()
def surrogate(event, context):
    raise Odd("\\ud800")
""",
    "no_colon.py": "def handler(event, context)\n    return 'no, colon above'\n",
    "imports_no_colon.py": "import no_colon\n",
    "indent.py": "def f():\n    a = 1\n  b = 2\n",
    "null.py": "a = 1\0\n",
    "raises_syntax.py": "raise SyntaxError('of my own, really')\n",
    "hostile_syntax.py": """\
class Bad(SyntaxError):
    lineno = property(lambda self: 1 / 0)
    text = property(lambda self: 1 / 0)
    msg = 7
    def __str__(self):
        return 'own words'
raise Bad('x')
""",
    "dependency.py": "import requests_that_nobody_has\n",
    "ve.py": "raise ValueError('v')\n",
    "ue.py": "'x'.encode('ascii')\n'\u00e9'.encode('ascii')\n",
    "boom.py": "class Boom(Exception): pass\nraise Boom('a, b\\nc')\n",
    "unprintable.py": "import hostile\nraise hostile.Bad('x')\n",
    "nameless.py": "import hostile\nraise hostile.Nameless('x')\n",
    "../outside.py": "def handler(event, context): return 'escaped'\n",
    "bare.py": "raise RuntimeError\n",
    "odd.py": "import hostile\nraise hostile.Odd('o')\n",
    "leaves.py": "import sys\nsys.exit(4)\n",
    "again.py": """\
import os
runs = int(os.environ.get('RUNS', 0)) + 1
os.environ['RUNS'] = str(runs)
if runs == 1:
    raise RuntimeError('first time')
def handler(event, context): return runs
""",
    "hooks.py": """\
import common
def initialize(context): return common
""",
    "common.py": "class Thing(object): pass\ndef handler(event, context): return Thing()\n",
    "hyphen-ated.py": "def handler(event, context): return __name__\n",
    "json.py": "import json\ndef handler(event, context): return json.dumps({'mine': __file__})\n"
    "def other(event, context): pass\n",
    "worker.py": "import wire\ndef handler(event, context): return wire.whose\n",
    "wire.py": "whose = 'the user\\'s wire'\n",
    "replaced.py": """\
import sys, types
sys.modules[__name__] = types.SimpleNamespace(h=lambda event, context: 'in its place')
""",
    "near.py": "from os.path import join\ndef handle(event, context): return 1\nclass A: pass\n",
    "package/__init__.py": "def handler(event, context): return __name__\n",
    "pkg/__init__.py": "import os\nos.environ['PKG'] = 'imported'\n",
    "pkg/sub/main.py": """\
import sys
def h(event, context): return [__name__, __package__, __file__.split('/')[-3:]]
def where(event, context): return [p for p in sys.path if p.endswith('sub')]
""",
    "pkg/sub/relative.py": "from .other import value\ndef h(event, context): return value\n",
    "pkg/sub/other.py": "value = 'from beside'\n",
    "blocked.py": "def wait(started, release):\n    started.set()\n    release.wait()\n",
}


def write(path, text):
    path = os.path.join(CODE, path)
    if not os.path.isdir(os.path.dirname(path)):
        os.makedirs(os.path.dirname(path))
    with open(path, "wb") as file:
        file.write(text.encode("utf-8"))


def case(function):
    CASES[function.__name__] = function
    return function


def guarded(function, *arguments):
    """What the runtime makes of a call: the result, or the body of the failure."""
    try:
        return function(*arguments)
    except loader.LoadFailed as exc:
        return exc.failure.body().decode("ascii")
    except BaseException as exc:
        return failures.from_exception(exc, CODE, OWN_DIR).body().decode("ascii")


# --- results ---------------------------------------------------------------------------------


class Thing(object):
    def __repr__(self):
        raise RuntimeError("no repr")


class Named(object):
    def __repr__(self):
        return "<Named, twice>"


class Jsonable(object):
    def __init__(self, value):
        self.value = value

    def to_json(self):
        return self.value


class Bytes(bytes):
    def __bytes__(self):
        return b"something else"


class Text(str):
    def encode(self, *arguments):
        return b"something else"


def circle():
    items = []
    items.append({"items": items})
    return items


def deep():
    value = []
    for _ in range(100000):
        value = [value]
    return value


def endless():
    return Jsonable(Endless())


class Endless(object):
    def to_json(self):
        return Endless()


def json_key(name):
    return type(name, (object,), {"__repr__": Thing.__repr__})()


RESULTS = {
    "str": "plain",
    "str_chinese": "\u4f60\u597d",
    "str_empty": "",
    "str_subclass": Text("mine"),
    "str_surrogate": "\ud800",
    "bytes": b"\x00\xff",
    "bytes_subclass": Bytes(b"mine"),
    "none": None,
    "int": 42,
    "int_large": 10**30,
    "float": 1.5,
    "nan": float("nan"),
    "infinity": float("inf"),
    "true": True,
    "dict": {"b": [1, None], "a": "\u4f60\ud800", "c": {}},
    "list": [1, "two", []],
    "tuple": (1, (2.0,)),
    "keys": {1: "a", 2.5: "b", False: "c"},
    "none_key": {None: 1},
    "datetime": datetime.datetime(2024, 3, 4, 9, 57, 28),
    "date": {"day": datetime.date(2024, 3, 4)},
    "decimal": decimal.Decimal("1.10"),
    "decimals": [decimal.Decimal("2"), decimal.Decimal("NaN")],
    "to_json": Jsonable({"b": 1, "a": [Jsonable(2)]}),
    "to_json_str": Jsonable('{"a": 1}'),
    "to_json_none": [Jsonable(None)],
    "bytearray": bytearray(b"x"),
    "set": {1},
    "generator_class": type(x for x in ()),
    "complex": 1j,
    "named": [Named()],
    "unprintable": {"thing": Thing()},
    "bytes_inside": [b"x"],
    "mixed_keys": {1: "a", "b": "c"},
    "tuple_key": {(1, 2): 3},
    "unprintable_key": {"outer": {json_key("Key"): 1}},
    "circle": circle(),
    "deep": deep(),
    "endless": endless(),
}


def result_case(value):
    def run():
        answer = guarded(results.encode_result, value)
        if isinstance(answer, bytes):
            return ["answer", answer.decode("latin-1")]
        body = json.loads(answer)
        if body["errorType"] == "RecursionError":
            return ["RecursionError"]  # every version words it otherwise
        return [body["errorType"], body["errorMessage"]]

    return run


for key, value in RESULTS.items():
    CASES["result_" + key] = result_case(value)


@case
def result_stack_is_a_list_of_lists():
    # Only the frames of json itself are left; which ones is its own affair.
    stack = json.loads(guarded(results.encode_result, {1}))["stackTrace"]
    return sorted({(type(items).__name__, len(items), "/json/" in items[0]) for items in stack})


# --- failures --------------------------------------------------------------------------------

LOADER = loader.Loader(CODE)


def invoke(handler, encode=lambda value: value):
    return guarded(lambda: encode(LOADER.load(handler)(b"", None)))


for key, handler in {
    "handler": "index.handler",
    "chained": "index.chained",
    "recursion": "index.recurse",
    "no_caret": "index.subscript",
    "no_suggestion": "index.wrong_name",
    "comma_in_path": "a,b.handler",
    "import_inside": "index.lazy_import",
    "no_source": "index.in_exec",
    "lambda": "index.closure",
    "no_user_frame": "index.no_arguments",
    "not_callable": "index.value",
    "hostile": "hostile.bad",
    "nameless": "hostile.nameless",
    "str_subclass": "hostile.subclass",
    "base_exception": "hostile.odd",
    "str_exits": "hostile.exits",
    "surrogate": "hostile.surrogate",
}.items():
    CASES["failure_" + key] = lambda handler=handler: invoke(handler)


@case
def failure_str_is_called_once():
    hostile = sys.modules["hostile"]
    hostile.Bad.calls = 0
    invoke("hostile.bad")
    return hostile.Bad.calls


@case
def failure_in_to_json():
    body = json.loads(invoke("index.encoded", results.encode_result))
    return [items for items in body["stackTrace"] if "/json/" not in items[0]]


@case
def failure_import_module():
    stack = json.loads(invoke("index.import_module"))["stackTrace"]
    return [items[2] for items in stack]


@case
def failure_long_message():
    failure = failures.from_exception(ValueError("x" * (2 << 20)), CODE, OWN_DIR)
    return [len(failure.message), failure.stack]


@case
def failure_long_stack():
    names = {}
    exec("def even(n): return odd(n - 1)\ndef odd(n): return n and even(n) or 1 / 0", names)
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(9000)
    try:
        names["even"](3000)
    except ZeroDivisionError as exc:
        stack = failures.from_exception(exc, CODE, OWN_DIR).stack
    finally:
        sys.setrecursionlimit(limit)
    return [len(stack), stack[0][2], stack[1][2], stack[-1][2]]


def without_reason(text):
    """The body without the reason of its SyntaxError, which every version words otherwise."""
    body = json.loads(text)
    body["stackTrace"][-1] = body["stackTrace"][-1].partition(": ")[0]
    return json.dumps(body, indent=4, sort_keys=True)


# --- loads -----------------------------------------------------------------------------------

for key, handler in {
    "missing_function": "index.missing",
    "no_function_name": "index.",
    "file_missing": "nofile.handler",
    "folder_missing": "nofolder.main.h",
    "file_missing_in_folder": "pkg.sub.nofile.h",
    "slash_missing": "pkg/none/main.h",
    "dependency": "dependency.handler",
    "nodot": "nodot",
    "no_module_name": ".handler",
    "value_error": "ve.handler",
    "other_exception": "boom.handler",
    "unprintable": "unprintable.handler",
    "nameless": "nameless.handler",
    "bare": "bare.handler",
    "base_exception": "odd.handler",
    "raises_syntax": "raises_syntax.handler",
    "hostile_syntax": "hostile_syntax.handler",
    "outside": "../outside.handler",
    "namespace": "pkg.sub.h",
}.items():
    CASES["load_" + key] = lambda handler=handler: invoke(handler)

for key, handler in {
    "syntax_error": "no_colon.handler",
    "nested_syntax_error": "imports_no_colon.handler",
    "indentation": "indent.handler",
    "null_byte": "null.handler",
}.items():
    CASES["load_" + key] = lambda handler=handler: without_reason(invoke(handler))

for key, handler in {
    "hyphen": "hyphen-ated.handler",
    "package": "package.handler",
    "dotted": "pkg.sub.main.h",
    "slash": "pkg/sub/main.h",
    "slash_sys_path": "pkg/sub/main.where",
    "relative_import": "pkg.sub.relative.h",
    "user_worker": "worker.handler",
    "replaced_module": "replaced.h",
}.items():
    CASES["loaded_" + key] = lambda handler=handler: invoke(handler)


@case
def load_absolute():
    return json.loads(invoke(CODE + "/index.handler"))["stackTrace"]


@case
def load_unicode_error():
    body = json.loads(invoke("ue.handler"))
    return [body["errorType"], body["errorMessage"]]


@case
def load_dotted_runs_no_init():
    fresh = loader.Loader(CODE)
    for name in [name for name in sys.modules if name.startswith("pkg")]:
        del sys.modules[name]
    os.environ.pop("PKG", None)
    fresh.load("pkg.sub.main.h")
    return os.environ.get("PKG")


@case
def load_user_json():
    function = LOADER.load("json.handler")
    other = LOADER.load("json.other")
    return [
        os.path.dirname(json.loads(function(b"", None))["mine"]) == CODE,
        sys.modules["json"] is json,
        other.__globals__ is function.__globals__,
    ]


@case
def load_system_exit():
    try:
        LOADER.load("leaves.handler")
    except SystemExit as exc:
        return [exc.code, "leaves" in sys.modules]


@case
def load_failure_is_not_cached():
    first = json.loads(invoke("again.handler"))["errorMessage"]
    present = "again" in sys.modules
    return [first, present, invoke("again.handler"), invoke("again.handler")]


@case
def load_new_file_is_seen():
    before = json.loads(invoke("later.handler"))["errorType"]
    write("later.py", "def handler(event, context): return 'seen'\n")
    return [before, invoke("later.handler")]


@case
def load_shares_the_module():
    through_import = LOADER.load("hooks.initialize")(None)
    thing = LOADER.load("common.handler")(b"", None)
    return [
        through_import is sys.modules["common"],
        type(thing) is through_import.Thing,
        type(pickle.loads(pickle.dumps(thing))) is through_import.Thing,
        inspect.getsource(LOADER.load("common.handler")).strip(),
        importlib.import_module("common") is through_import,
    ]


@case
def load_registers_the_module():
    LOADER.load("index.handler")
    import index

    return [
        index.MyError.__module__,
        index.__spec__.name,
        index.handler is LOADER.load("index.handler"),
    ]


@case
def load_two_loaders_one_module():
    return loader.Loader(CODE + "/").load("index.handler") is LOADER.load("index.handler")


@case
def load_is_cached():
    function = LOADER.load("index.handler")
    del sys.modules["index"].handler
    try:
        return LOADER.load("index.handler") is function
    finally:
        sys.modules["index"].handler = function


@case
def load_hint():
    try:
        LOADER.load("near.handler")
    except loader.LoadFailed as exc:
        return [str(exc), exc.hint]


@case
def split():
    names = ["index.handler", "pkg.sub.main.h", "pkg/sub/main.h", "pkg/a.b.h", "a-b.h", "v.1/m.h"]
    return [loader.split_handler(name) for name in names]


# --- context ---------------------------------------------------------------------------------

SETUP = {
    "runtime": "python3.10",
    "function": {"name": "f", "handler": "index.handler", "memory": 512, "timeout": 3},
    "region": "cn-hangzhou",
    "account_id": "123",
    "service": {
        "name": "s",
        "log_project": "project",
        "log_store": "store",
        "qualifier": "LATEST",
        "version_id": "1",
    },
    "credentials": {"access_key_id": "id", "access_key_secret": "key", "security_token": "token"},
    "instance_id": "c-1",
    "code_dir": "/real/code",
    "layers": ["/real/opt"],
    "home": "/tmp/home",
}


def changed(**changes):
    return dict(SETUP, **changes)


def spread(value):
    """The attributes of an object and of the objects in it."""
    if hasattr(value, "__dict__") and not isinstance(value, logging.Logger):
        return {key: spread(item) for key, item in vars(value).items()}
    return str(value) if isinstance(value, logging.Logger) else value


def context_case(runtime):
    return lambda: spread(context.make_context_factory(changed(runtime=runtime))("rid"))


CASES["context_old"] = context_case("python3.10")
CASES["context_new"] = context_case("python3.12")
for runtime in ("python3", "python3.9", "python3.12"):
    CASES["context_has_credentials_" + runtime] = lambda runtime=runtime: hasattr(
        context.make_context_factory(changed(runtime=runtime))("rid"), "credentials"
    )


@case
def context_to_json():
    return context.make_context_factory(SETUP)("rid").to_json()


@case
def context_to_json_new():
    return context.make_context_factory(changed(runtime="python3.12"))("rid").to_json()


@case
def context_as_a_result():
    return results.encode_result(context.make_context_factory(SETUP)("rid")).decode("ascii")[:22]


@case
def context_is_new_for_each_request():
    factory = context.make_context_factory(SETUP)
    first, second = factory("one"), factory("two")
    first.mine = first.region = "changed"
    return [first.request_id, second.requestId, second.region, hasattr(second, "mine")]


@case
def context_logger():
    made = context.make_context_factory(SETUP)("rid")
    return [made.getLogger() is logging.getLogger(), made.logger, type(made).__name__]


@case
def context_of_a_bare_setup():
    bare = {"function": {}, "runtime": "python3.9"}
    return spread(context.make_context_factory(bare)("rid"))["service"]


# --- logs ------------------------------------------------------------------------------------


class Recorder(object):
    """The root logger set up as the runtime does, and what came out of it."""

    def __init__(self, layout="doc"):
        self.lines = []
        self.current = logs.CurrentRequest("rid")
        self.handler = logs.configure_logging(self.write, self.current, layout)
        self.handler.addFilter(self.fix_time)

    def write(self, level, text):
        self.lines.append([level, text])

    @staticmethod
    def fix_time(record):
        record.created, record.msecs = 1709546248.192, 192.0
        return True


def log_case(layout):
    def run():
        recorder = Recorder(layout)
        root = logging.getLogger()
        for level in ("debug", "info", "warning", "error", "critical"):
            getattr(root, level)("%s: %d", level, 1)
        logging.log(35, "two\nlines")
        return recorder.lines

    return run


CASES["log_doc"] = log_case("doc")
CASES["log_runtime"] = log_case("runtime")


@case
def log_exception():
    recorder = Recorder()
    try:
        exec(compile("raise KeyError('x')", "<generated>", "exec"))
    except KeyError:
        logging.getLogger("child").exception("failed")
    text = recorder.lines[0][1].split("\n")
    return [len(recorder.lines), text[:2], text[-1]]


@case
def log_propagates():
    recorder = Recorder()
    child = logging.getLogger("some.child")
    child.setLevel(logging.DEBUG)
    child.debug("from below")
    return recorder.lines


@case
def log_other_thread():
    recorder = Recorder()
    recorder.current.request_id = "next"
    thread = threading.Thread(target=logging.info, args=("from a thread",))
    thread.start()
    thread.join()
    return recorder.lines


@case
def log_set_up_twice():
    Recorder()
    recorder = Recorder()
    logging.basicConfig(level=logging.DEBUG)
    logging.info("once")
    return [len(recorder.lines), len(logging.getLogger().handlers)]


@case
def log_users_own_format():
    recorder = Recorder()
    recorder.handler.setFormatter(logging.Formatter("%(asctime)s %(fc_request_id)s %(message)s"))
    logging.info("mine")
    return recorder.lines


class Stderr(object):
    def __init__(self, broken=False):
        self.text, self.broken = "", broken

    def write(self, text):
        if self.broken:
            raise ValueError("I/O operation on closed file")
        self.text += text

    def flush(self):
        pass


def with_stderr(stderr, function):
    before, sys.stderr = sys.stderr, stderr
    try:
        function()
    finally:
        sys.stderr = before
    return stderr.text


@case
def log_bad_arguments():
    recorder = Recorder()
    text = with_stderr(Stderr(), lambda: logging.info("%d", "x"))
    return [recorder.lines, "--- Logging error ---" in text, "%d format" in text]


@case
def log_unprintable_message():
    recorder = Recorder()
    text = with_stderr(Stderr(), lambda: logging.info(Thing()))
    return [recorder.lines, "no repr" in text]


@case
def log_closed_stderr():
    Recorder()
    return with_stderr(Stderr(broken=True), lambda: logging.info("%d", "x"))


@case
def log_limit():
    recorder = Recorder()
    logging.info("\u4f60" * (100 << 10))
    text = recorder.lines[0][1]
    return [len(text.encode("utf-8")) in range((128 << 10) - 3, (128 << 10) + 1), text[-1]]


@case
def log_surrogate():
    recorder = Recorder()
    logging.info("\ud800 \u4f60")
    return recorder.lines


def dump_with(function):
    """The lines of a dump made by `function` while another thread waits in user code."""
    blocked = importlib.import_module("blocked")
    started, release = threading.Event(), threading.Event()
    thread = threading.Thread(target=blocked.wait, args=(started, release))
    thread.start()
    started.wait()
    try:
        text = function(logs.format_stack_dump, "rid", "doc", CODE, 1709546248.5)
    finally:
        release.set()
        thread.join()
    text = text.replace("id = {}".format(threading.main_thread().ident), "id = MAIN")
    return text.replace("id = {}".format(thread.ident), "id = OTHER").split("\n")


@case
def dump():
    index = importlib.import_module("index")
    lines = dump_with(lambda dump, *arguments: index.call(lambda: dump(*arguments)))
    return [line for line in lines if " id = " in line or "Dump" in line or "/code/" in line]


@case
def dump_below_our_frames():
    # The file of the middle function is ours by its name, as the runtime that calls a handler is.
    ours = {}
    text = "def invoke(call, dump, *arguments): return call(lambda: dump(*arguments))"
    exec(compile(text, os.path.join(REPOSITORY, "worker", "some.py"), "exec"), ours)
    index = importlib.import_module("index")
    return dump_with(lambda *arguments: ours["invoke"](index.outer, *arguments))[:6]


@case
def dump_runtime_layout():
    return logs.format_stack_dump("rid", "runtime", CODE, 1648695469.75).split("\n")[0]


# --- environment -----------------------------------------------------------------------------


@case
def environment_given():
    return environment.build_environment(SETUP, {})


@case
def environment_fc3():
    setup = changed(service={"version_id": "2"}, credentials={}, layers=[], home="")
    return environment.build_environment(setup, {})


@case
def environment_keys_of_fc3():
    made = environment.build_environment(changed(service={"name": ""}), {})
    return sorted(name for name, value in made.items() if value in ("id", "key", "token"))


@case
def environment_host():
    host = {"PATH": "/bin:/code", "LANG": "C", "LC_ALL": "C", "TZ": "UTC", "HOME": "/root"}
    host.update(AWS_SECRET="s", FC_HOST="x", LD_PRELOAD="y", PYTHONPATH="/host", LANGUAGE="de")
    made = environment.build_environment(SETUP, host)
    return {name: value for name, value in made.items() if "FC_" not in name and name in host}


@case
def environment_users_own():
    own = {
        "A": "1",
        "LANG": "zh",
        "FC_MINE": "no",
        "_FC_MINE": "no",
        "FC_REGION": "no",
        "ALIBABA_CLOUD_ACCESS_KEY_ID": "no",
        "PYTHONPATH": "/code/lib:/opt/x:/usr/y:/codex::/code/",
        "LD_LIBRARY_PATH": "/code:/opt",
        "OTHER": "/code/lib",
    }
    made = environment.build_environment(changed(environment=own), {"LANG": "C"})
    return {name: made.get(name) for name in own}


@case
def environment_no_layers():
    own = {"PYTHONPATH": "/opt/x", "LD_LIBRARY_PATH": "/opt/lib:/code/lib"}
    made = environment.build_environment(changed(environment=own, layers=[]), {})
    return {name: made.get(name) for name in own}


PLACES = {
    "layers": ["/real/first", "/real/second/"],
    "mounts": [["/mnt/a", "/real/a/", False], ["/mnt/a/b", "/real/b", True]],
}


@case
def environment_places():
    """What could not be mounted: the inner mount point counts, and all layers."""
    own = {
        "INNER": "/mnt/a/b/x",
        "OUTER": "/mnt/a/x",
        "EXACT": "/mnt/a",
        "OTHER": "/mnt/ab",
        "LATER": "x:/mnt/a",
        "SLASH": "/mnt/a/",
        "PYTHONPATH": "/mnt/a/lib:/opt/python:/code/x:/mnt/a/b",
        "LD_LIBRARY_PATH": "/opt/lib",
    }
    made = environment.build_environment(changed(environment=own, **PLACES), {})
    return {name: made.get(name) for name in own}


@case
def sys_path_places():
    setup = changed(environment={"PYTHONPATH": "/opt/python:/mnt/a/lib"}, **PLACES)
    return shown(environment.build_sys_path(setup, ["/std"]))


def shown(entries):
    return [entry.replace("python%d.%d" % sys.version_info[:2], "pythonX.Y") for entry in entries]


@case
def sys_path():
    setup = changed(environment={"PYTHONPATH": "/code/lib:/opt/python:/usr/y:"})
    return shown(environment.build_sys_path(setup, ["", "/usr/lib/python", "/usr/y", "/std"]))


@case
def sys_path_no_layers():
    return shown(environment.build_sys_path(changed(layers=[], code_dir="/real/"), ["/std"]))


# --- imports ---------------------------------------------------------------------------------


@case
def imports_nothing_dear():
    dear = ("typing", "datetime", "decimal", "inspect", "importlib.util", "asyncio", "contextlib")
    # contextlib comes with logging's or importlib's own machinery from 3.11 on.
    return sorted(set(dear[:-1]) & set(LOADED))


def main():
    for path, text in FILES.items():
        write(path, text)
    answers = {}
    for name, function in CASES.items():
        try:
            answers[name] = function()
        except BaseException as exc:
            answers[name] = "the case itself failed: {}: {}".format(type(exc).__name__, exc)
    json.dump(answers, sys.stdout)


main()
