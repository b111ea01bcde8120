"""fcbox.mounts: what is mapped reaches the spec, what is not is told once."""

import os
from pathlib import Path

import pytest

from sandbox.config.cache import cached_load
from sandbox.core.spec import FunctionSpec, Mount
from tests.config.support import Project, with_props

FLASK = "acs:fc:cn-hangzhou:official:layers/Python3-Flask2x/versions/2"
MINE = "acs:fc:cn-hangzhou:1234567890123456:layers/mine/versions/7"
NAS = "nasConfig: {userId: 0, groupId: 0, mountPoints: [{serverAddr: 'a:/', mountDir: DIR}]}"
OSS = "ossMountConfig: {mountPoints: [{bucketName: b, mountDir: DIR, readOnly: true}]}"


def nas(target: str) -> str:
    return NAS.replace("DIR", target)


def with_mounts(props: str, *lines: str) -> str:
    mounts = "".join(f"    {line}\n" for line in lines)
    return with_props(props, top=f"fcbox:\n  mounts:\n{mounts}" if lines else "")


@pytest.fixture
def folders(project: Project) -> Path:
    for name in ("flask", "mine", "nas", "oss"):
        (project.directory / name).mkdir()
    return project.directory


def spec_of(project: Project, text: str) -> FunctionSpec:
    config = project.load(text)
    assert config.diagnostics == ()
    (spec,) = config.specs
    return spec


def test_layers_keep_their_order(project: Project, folders: Path) -> None:
    """The first one lies on top, as in the cloud."""
    props = f"layers: ['{MINE}', '{FLASK}']"

    spec = spec_of(project, with_mounts(props, f"{FLASK}: ./flask", f"{MINE}: {folders}/mine"))

    assert spec.layers == (f"{folders}/mine", f"{folders}/flask")


@pytest.mark.parametrize(
    ("props", "line", "mount"),
    [
        (nas("/mnt/nas"), "/mnt/nas: ./nas", ("/mnt/nas", "nas", False)),
        (nas("/mnt/nas/"), "/mnt/nas: nas/", ("/mnt/nas", "nas", False)),
        (nas("/mnt/nas"), "/mnt//nas/: nas", ("/mnt/nas", "nas", False)),
        (nas("/mnt/nas"), "/mnt/nas: {path: nas}", ("/mnt/nas", "nas", False)),
        (nas("/mnt/nas"), "/mnt/nas: {path: nas, readOnly: true}", ("/mnt/nas", "nas", True)),
        (OSS.replace("DIR", "/mnt/oss"), "/mnt/oss: ./oss", ("/mnt/oss", "oss", True)),
        ("nasConfig: auto", "/mnt/hello: ./nas", ("/mnt/hello", "nas", False)),
        (nas("/tmp/nas"), "/tmp/nas: ./nas", ("/tmp/nas", "nas", False)),
        (nas("/home/app"), "/home/app: ./nas", ("/home/app", "nas", False)),
    ],
)  # fmt: skip
def test_mount_points(
    project: Project, folders: Path, props: str, line: str, mount: tuple[str, str, bool]
) -> None:
    target, source, is_read_only = mount

    spec = spec_of(project, with_mounts(props, line))

    assert spec.mounts == (Mount(target, f"{folders}/{source}", is_read_only),)


@pytest.mark.parametrize(
    ("props", "code", "line"),
    [
        (f"layers: ['{FLASK}']", "FCB340", f"{FLASK}: ./layers/Python3-Flask2x"),
        ("layers: [odd]", "FCB340", "odd: ./layers/odd"),
        (nas("/mnt/nas"), "FCB341", "/mnt/nas: ./data/nas"),
        (OSS.replace("DIR", "/mnt/a/b"), "FCB341", "/mnt/a/b: ./data/b"),
        ("nasConfig: auto", "FCB341", "/mnt/hello: ./data/hello"),
        ("nasConfig: Auto", "FCB341", "/mnt/hello: ./data/hello"),
        ("ossMountConfig: auto", "FCB346", "as the official tool shows it"),
    ],
)
def test_what_is_not_mapped(project: Project, props: str, code: str, line: str) -> None:
    """One warning with the line to write; written, it is gone."""
    config = project.load(with_mounts(props))

    (finding,) = config.diagnostics
    assert (finding.code, finding.severity) == (code, "warning")
    assert finding.hint.endswith(line)
    assert (config.specs[0].layers, config.specs[0].mounts) == ((), ())
    if code != "FCB346":
        (project.directory / line.partition(": ")[2]).mkdir(parents=True)
        assert project.codes(with_mounts(props, line)) == []


def test_one_warning_for_several_functions(project: Project) -> None:
    text = with_mounts(f"layers: ['{FLASK}']\n{nas('/mnt/nas')}")
    second = text[text.index("  hello:") :].replace("hello", "again")

    assert project.codes(text + second) == ["FCB340", "FCB341"]


@pytest.mark.parametrize(
    ("props", "lines", "code", "words"),
    [
        (nas("mnt/nas"), ["mnt/nas: nas"], "FCB344", "'mnt/nas'"),
        (nas("/"), ["/: nas"], "FCB345", "hide /"),
        *[
            (nas(target), [f"{target}: nas"], "FCB345", f"'{target}'")
            for target in ("/code", "/code/x", "/opt", "/opt/python", "/tmp", "/proc", "/proc/1",
                           "/dev/shm", "/sys", "/etc", "/usr/lib", "/lib", "/home", "/var",
                           "/lib64", "/bin", "/run", "/root")
        ],
        (nas("/mnt/../etc"), ["/etc: nas"], "FCB345", "'/etc'"),
        (nas("/mnt/nas"), ["/mnt/nas: ./none"], "FCB343", "/none"),
        (nas("/mnt/nas"), ["/mnt/nas: {path: ./none}"], "FCB343", "/none"),
        (f"layers: ['{FLASK}']", [f"{FLASK}: index.py"], "FCB343", "index.py"),
        ("", ["/mnt/nas: ./nas"], "FCB342", "'/mnt/nas'"),
        (nas("/mnt/nas"), ["/mnt/nas: nas", "/mnt/nass: nas"], "FCB342", "'/mnt/nass'"),
        (nas("/mnt/nas"), ["/mnt/nas: {path: nas, readonly: true}"], "FCB306", "'readonly'"),
        (nas("/mnt/nas"), ["/mnt/nas: {path: nas, readOnly: perhaps}"], "FCB312", "readOnly"),
        (nas("/mnt/nas"), ["/mnt/nas: {readOnly: true}"], "FCB312", "/mnt/nas.path is nothing"),
        (nas("/mnt/nas"), ["/mnt/nas: {path: ''}"], "FCB312", "/mnt/nas.path"),
        (nas("/mnt/nas"), ["/mnt/nas: null"], "FCB312", "/mnt/nas is nothing"),
        (nas("/mnt/nas"), ["/mnt/nas: 7"], "FCB312", "/mnt/nas"),
        (nas("/mnt/nas"), ["/mnt/nas: ''"], "FCB312", "/mnt/nas"),
        (nas("/mnt/nas"), ["/mnt/nas: [nas]"], "FCB312", "/mnt/nas"),
        ("nasConfig: {mountPoints: [{mountDir: /mnt/a}, {mountDir: /mnt/a/}]}", ["/mnt/a: nas"],
         "FCB347", "/mnt/a"),
    ],
)  # fmt: skip
def test_mistakes(
    project: Project, folders: Path, props: str, lines: list[str], code: str, words: str
) -> None:
    found = project.load(with_mounts(props, *lines)).diagnostics

    assert [each.code for each in found if each.code != "FCB341"] == [code]
    (finding,) = (each for each in found if each.code == code)
    assert words in finding.message


def test_an_archive_is_no_layer(project: Project, folders: Path) -> None:
    project.write("layer.zip", "")

    (finding,) = project.load(
        with_mounts(f"layers: ['{FLASK}']", f"{FLASK}: ./layer.zip")
    ).diagnostics

    assert (finding.code, finding.hint) == (
        "FCB343", "it is a file: unpack it, and name the directory",
    )  # fmt: skip


def test_the_code_may_not_be_hidden(project: Project, folders: Path) -> None:
    above = str(project.directory.parent)

    assert project.codes(with_mounts(nas(above), f"{above}: ./nas")) == ["FCB345"]


def test_near_names(project: Project, folders: Path) -> None:
    found = project.load(with_mounts(nas("/mnt/nas"), "/mnt/na: nas")).diagnostics

    assert {each.code: each.hint for each in found}["FCB342"] == "did you mean /mnt/nas?"


def test_selected_functions_are_enough(project: Project, folders: Path) -> None:
    """A mapping of a function that was not selected is no mistake."""
    text = with_mounts(nas("/mnt/nas"), "/mnt/nas: nas")
    second = with_props("")
    text += second[second.index("  hello:") :].replace("hello", "again")

    assert project.codes(text, select=["again"]) == []


@pytest.mark.parametrize(
    "props",
    ["layers: ['', null, 7]", "layers: {a: b}", "layers: text", "nasConfig: 7", "nasConfig: []",
     "nasConfig: {mountPoints: 7}", "nasConfig: {mountPoints: [7, null, []]}",
     "nasConfig: {mountPoints: [{mountDir: [a]}]}", 'nasConfig: {mountPoints: [{mountDir: ""}]}',
     "ossMountConfig: {mountPoints: [{mountDir: 7}]}", "layers: null\nnasConfig: null"],
)  # fmt: skip
@pytest.mark.parametrize("mounts", ["mounts: 7", "mounts: []", "mounts: {'': ''}", "mounts: null"])
def test_odd_values(project: Project, props: str, mounts: str) -> None:
    """Findings or none, and never an exception."""
    project.load(with_props(props, top=f"fcbox:\n  {mounts}\n"))


def test_the_cache_keeps_them(project: Project, folders: Path) -> None:
    """A second start has the same spec; a directory that vanishes is noticed."""
    props = f"layers: ['{FLASK}']\n{nas('/mnt/nas')}"
    project.write("s.yaml", with_mounts(props, f"{FLASK}: flask", "/mnt/nas: nas"))
    os.utime(project.directory / "s.yaml", (1, 1))
    os.utime(project.directory / "index.py", (1, 1))
    state = str(project.directory / "state")

    def load() -> tuple[tuple[FunctionSpec, ...], list[str]]:
        config = cached_load(
            cwd=str(project.directory), environ={}, state_dir=state, python=str(project.python)
        )
        return config.specs, [each.code for each in config.diagnostics]

    first, second = load(), load()

    assert os.listdir(f"{state}/cache") != []
    assert first == second
    assert isinstance(second[0][0].mounts[0], Mount)
    assert isinstance(second[0][0].layers, tuple)
    (folders / "nas").rmdir()
    assert load()[1] == ["FCB343"]
