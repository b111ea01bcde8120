"""What the user's code finds in `os.environ` and on `sys.path`: pure functions of the set-up.

The environment is built from nothing. From the host come PATH, LANG, LC_* and TZ; everything
else is the function's own (`environment` in the set-up) or given by Function Compute (FC_*,
ALIBABA_CLOUD_*). Names that begin with FC_ or _FC_ belong to the platform: a user's own is
dropped.

The configuration speaks of `/code`, `/opt` and mount points, the folders in the cloud. What is
not there for this process (`worker.mounts`) is elsewhere on the host, so the entries of path
lists are mapped: `/opt` to each of the layers, the first one first. Without layers there is no
`/opt` for the function, and such entries are dropped: the host's own /opt is none of its
business. A mount point that could not be had is replaced in any variable that begins with it.
"""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterable, List, Mapping, Sequence, Tuple

__all__ = ["build_environment", "build_sys_path", "localized"]

_FROM_HOST = ("PATH", "LANG", "TZ")
_PATH_LISTS = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH")
_RESERVED = ("FC_", "_FC_")
_LAYER_FOLDERS = (("PATH", "bin"), ("LD_LIBRARY_PATH", "lib"))
"""What Function Compute appends for what layers bring."""


def build_environment(
    setup: "Mapping[str, Any]", host_environ: "Mapping[str, str]"
) -> "Dict[str, str]":
    """The whole environment of the process."""
    environment = {
        name: value
        for name, value in host_environ.items()
        if name in _FROM_HOST or name.startswith("LC_")
    }
    if setup.get("home"):
        environment["HOME"] = setup["home"]
    if setup.get("tmp_dir"):
        environment["TMPDIR"] = setup["tmp_dir"]
    environment["PYTHONIOENCODING"] = "utf-8:surrogateescape"
    environment.update(_own(setup))
    environment.update(_given(setup))
    environment.update(_keys(setup))
    _add_layer_folders(setup, environment)
    return environment


def build_sys_path(setup: "Mapping[str, Any]", standard_entries: "Iterable[str]") -> "List[str]":
    """Code, layers, PYTHONPATH, then the interpreter's own entries; each once."""
    version = "python{}.{}".format(*sys.version_info[:2])
    cloud = ["/code", "/opt/python/lib/" + version + "/site-packages", "/opt/python"]
    cloud.extend((setup.get("environment") or {}).get("PYTHONPATH", "").split(":"))
    entries = _mapped(setup, cloud) + [entry for entry in standard_entries if entry]
    return list(dict.fromkeys(entries))


def localized(setup: "Mapping[str, Any]", text: str) -> str:
    """A path of the cloud's as it is for this process; any other text as it is."""
    places: "List[Tuple[str, Sequence[str]]]" = [
        ("/code", [setup["code_dir"]]),
        ("/opt", setup.get("layers", ())),
    ]
    found = _replaced(text, places + _mounted_elsewhere(setup))
    return next((path for path in found if os.path.exists(path)), found[0] if found else text)


def _own(setup: "Mapping[str, Any]") -> "Dict[str, str]":
    """The function's own variables."""
    own = {}
    for name, value in (setup.get("environment") or {}).items():
        if name in _PATH_LISTS:
            value = ":".join(_mapped(setup, value.split(":")))
            if not value:
                continue
        else:
            value = _replaced(value, _mounted_elsewhere(setup))[0]
        if not name.startswith(_RESERVED):
            own[name] = value
    return own


def _given(setup: "Mapping[str, Any]") -> "Dict[str, str]":
    """What Function Compute says about the function."""
    function, service = setup["function"], setup.get("service") or {}
    version = service.get("version_id", "")
    given = {
        "FC_FUNC_CODE_PATH": setup["code_dir"].rstrip("/") + "/",
        "FC_ACCOUNT_ID": setup.get("account_id", ""),
        "FC_FUNCTION_HANDLER": function["handler"],
        "FC_FUNCTION_MEMORY_SIZE": function["memory"],
        "FC_FUNCTION_NAME": function["name"],
        "FC_REGION": setup.get("region", ""),
        "FC_INSTANCE_ID": setup.get("instance_id", ""),
        "FC_RUNTIME_VERSION": setup["runtime"],
        "FC_VER_ID": version,
        "FC_FUNCTION_VERSION": version,
        "FC_QUALIFIER": service.get("qualifier") or "LATEST",
    }
    if service.get("name"):
        given["FC_SERVICE_NAME"] = service["name"]
    return {name: str(value) for name, value in given.items()}


def _keys(setup: "Mapping[str, Any]") -> "Dict[str, str]":
    """The key pair; absent where there is none, so that SDKs go on looking elsewhere."""
    credentials, service = setup.get("credentials") or {}, setup.get("service") or {}
    keys = {}
    for field, name, old_name in (
        ("access_key_id", "ALIBABA_CLOUD_ACCESS_KEY_ID", "accessKeyID"),
        ("access_key_secret", "ALIBABA_CLOUD_ACCESS_KEY_SECRET", "accessKeySecret"),
        ("security_token", "ALIBABA_CLOUD_SECURITY_TOKEN", "securityToken"),
    ):
        if credentials.get(field):
            keys[name] = credentials[field]
            if service.get("name"):  # FC 2.0
                keys[old_name] = credentials[field]
    return keys


def _add_layer_folders(setup: "Mapping[str, Any]", environment: "Dict[str, str]") -> None:
    for name, folder in _LAYER_FOLDERS:
        paths = [os.path.join(layer, folder) for layer in setup.get("layers", ())]
        found = [path for path in paths if os.path.isdir(path)]
        if found:
            entries = filter(None, environment.get(name, "").split(":"))
            environment[name] = ":".join(dict.fromkeys([*entries, *found]))


def _mapped(setup: "Mapping[str, Any]", entries: "Iterable[str]") -> "List[str]":
    """The entries of a path list with the cloud's folders replaced by the real ones."""
    places: "List[Tuple[str, Sequence[str]]]" = [
        ("/code", [setup["code_dir"]]),
        ("/opt", setup.get("layers", ())),
    ]
    places += _mounted_elsewhere(setup)
    mapped = []  # type: List[str]
    for entry in filter(None, entries):
        found = _replaced(entry, places)
        mapped += [entry] if found == [entry] else [path.rstrip("/") for path in found]
    return mapped


def _mounted_elsewhere(setup: "Mapping[str, Any]") -> "List[Tuple[str, Sequence[str]]]":
    mounts = sorted(setup.get("mounts", ()), reverse=True)  # the inner before the outer
    return [(target, [source]) for target, source, _ in mounts]


def _replaced(path: str, places: "Iterable[Tuple[str, Sequence[str]]]") -> "List[str]":
    for cloud, folders in places:
        if path == cloud or path.startswith(cloud + "/"):
            return [folder.rstrip("/") + path[len(cloud) :] for folder in folders]
    return [path]
