"""Every finding: its code, severity and texts. `{name}` is filled in by `Findings.add`.

FCB1xx text and YAML, 2xx variables, 3xx the file and its keys, 4xx code and handlers,
5xx selection and interpreters. A code is never used again for something else. Another language
is another table of the same codes.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["CATALOGUE", "Entry"]


class Entry(NamedTuple):
    severity: str
    message: str
    hint: str = ""


def _error(message: str, hint: str = "") -> Entry:
    return Entry("error", message, hint)


def _warning(message: str, hint: str = "") -> Entry:
    return Entry("warning", message, hint)


def _note(message: str, hint: str = "") -> Entry:
    return Entry("note", message, hint)


CATALOGUE: dict[str, Entry] = {
    # --- text and YAML
    "FCB101": _error("not valid YAML: {problem}", "{advice}"),
    "FCB102": _error(
        "the file is larger than {limit} MB", "put data that a function needs beside its code"
    ),
    "FCB103": _error(
        "the file is not UTF-8: byte {byte}", "save it as UTF-8 (it may be in GBK or UTF-16 now)"
    ),
    "FCB104": _error("a character that may not stand here: {character}", "delete it"),
    "FCB105": _error("nested deeper than {limit} levels", "make it flatter"),
    "FCB106": _error(
        "more than {limit} values once aliases and variables are written out",
        "a file that grows like this is taken for an attack",
    ),
    "FCB107": _error(
        "duplicate key '{key}', first at line {line}, column {column}", "delete one of the two"
    ),
    "FCB108": _error(
        "a second YAML document begins here", "a file holds one document: split it at the '---'"
    ),
    "FCB109": _error("a tab where YAML wants blanks", "indent with blanks only"),
    "FCB110": _error(
        "unknown or unfitting tag {tag}", "quote the text if it begins with an exclamation mark"
    ),
    "FCB111": _error(
        "unrendered template: {names}",
        "this is the template of an application: give the values, as in {example}, or defaults in "
        "publish.yaml beside it",
    ),
    "FCB112": _error(
        "the anchor &{anchor} holds an alias of itself", "write the value out instead of the alias"
    ),
    "FCB113": _error(
        "there is no anchor &{anchor} above", "quote the text if it begins with a star"
    ),
    "FCB114": _error(
        "a key must be a text, not a map or a list", "quote it if it is meant as a text"
    ),
    "FCB115": _error("the file is empty", "`fcbox init` writes a small project"),
    "FCB116": _error("<< needs a map or a list of maps", "for example <<: *name"),
    "FCB117": _error("more than {limit} %TAG lines", "delete them: no s.yaml needs one"),
    "FCB118": _error("{file} cannot be read", "it has to be an ordinary, readable file"),
    "FCB119": _error(
        "there is more wrong than these {limit} findings; the rest was not read",
        "mend these first",
    ),
    "FCB120": _error(
        "{statement} is a statement of a template: it cannot be filled in",
        "render the application with `s init`, or write what it stands for",
    ),
    "FCB121": _note("placeholders are filled in with the defaults of {file}: {values}"),
    "FCB122": _error("--set {name}: the file has no such placeholder", "{advice}"),
    "FCB130": _error(
        "a merge-conflict marker: git could not merge this file",
        "keep one of the two versions, and delete the lines that begin with <<<<<<<, ======= "
        "and >>>>>>>",
    ),
    "FCB131": _error("the full-width {character} stands where YAML wants {meant}", "{advice}"),
    "FCB132": _error("{character} looks like a blank and is none", "type ordinary blanks here"),
    "FCB133": _warning(
        "the quotation marks belong to the text {text}", "YAML knows only the quotes \" and '"
    ),
    "FCB134": _warning("this is one text, not a map or a list: {problem}", "{advice}"),
    # --- variables
    "FCB201": _error("{what} not found", "{advice}"),
    "FCB202": _error("a variable depends on itself: {cycle}", "write a value in one of the places"),
    "FCB203": _error(
        "env('{name}') not found",
        "set {name} in the environment or in a .env file, or give a default: "
        "${{env('{name}', 'default')}}",
    ),
    "FCB204": _error(
        "{what} is not supported yet: {reason}",
        "write the value itself, or take it from the environment",
    ),
    "FCB205": _error("not a valid ${{...}} expression: {problem}", "{advice}"),
    "FCB206": _error(
        "{what} is a map or a list: it cannot stand inside a text", "use it as the whole value"
    ),
    "FCB207": _error("no value: {problem}", "{advice}"),
    "FCB208": _warning(
        "{what} is known only after a deployment: left as it is",
        "${{env('NAME', 'default')}} would give it a value here",
    ),
    "FCB209": _warning(
        "no account id is known: config('AccountID') gives {account_id}",
        "set fcbox.accountId in this file",
    ),
    "FCB210": _error(
        "values and variables nested deeper than {limit} levels",
        "make it flatter: fewer maps, lists and variables in each other",
    ),
    "FCB211": _error("unknown function {name}()", "{advice}"),
    # --- the file and its keys
    "FCB300": _error(
        "the top level must be a map", "with the keys edition and resources, in the first column"
    ),
    "FCB301": _error(
        "edition is {found}, it must be the text 3.0.0",
        "write `edition: 3.0.0`; as it is, the official tool silently runs nothing",
    ),
    "FCB302": _error(
        "component {component} is of FC 2.0: it cannot stand in a file of edition 3.0.0",
        "write component: fc3, and the props as FC 3.0 has them",
    ),
    "FCB303": _error("{key} must be {expected}", "{advice}"),
    "FCB304": _error("there is no Python function to run", "{advice}"),
    "FCB305": _error("the resource name '{name}' holds a dot", "variables could not refer to it"),
    "FCB306": _warning("unknown key '{key}'", "{advice}"),
    "FCB307": _warning(
        "fcbox never runs shell hooks; the official tool would have run: {what}",
        "run by hand what the functions need",
    ),
    "FCB309": _note("resource '{name}' is skipped: component {component} does not run locally"),
    "FCB310": _warning(
        "component {component} is taken for fc3: its props look like a function",
        "write component: fc3 if it is one",
    ),
    "FCB311": _error("resource '{name}' has no {key}", "{advice}"),
    "FCB312": _error("{key} is {found}: expected {expected}"),
    "FCB313": _warning(
        "no functionName: the resource's key '{name}' is used", "write functionName: {name}"
    ),
    "FCB314": _warning("{key} has no effect in fcbox"),
    "FCB315": _warning(
        "the cloud ignores {key} in a 3.0 file; fcbox takes it for {meant}", "write it as {meant}"
    ),
    "FCB316": _error(
        "minimum of instances {least} is above the maximum {most}",
        "the maximum is maxInstances or reservedConcurrency",
    ),
    "FCB317": _error("the environment variable {name} is a map or a list", "it must be a text"),
    "FCB318": _error(
        "'{name}' cannot be the name of an environment variable",
        "a letter first, then letters, digits and underscores",
    ),
    "FCB319": _error(
        "a command as a hook needs a custom runtime", "write `handler: file.function`"
    ),
    "FCB320": _error(
        "two resources have the functionName '{name}', the first is '{first}'",
        "rename one of the functions",
    ),
    "FCB321": _error("there is no template '{name}'", "{advice}"),
    "FCB322": _warning(
        "the environment variable {name} is dropped: names that begin with FC_ belong to the cloud",
        "choose another name",
    ),
    "FCB323": _error(
        "the environment variables have {size} bytes, at most {limit} are allowed",
        "names and values count, in UTF-8",
    ),
    "FCB324": _warning(
        "there is no command for the server, and no bootstrap in the code",
        "write customRuntimeConfig: {{command: [...]}}, or put an executable file bootstrap there",
    ),
    "FCB325": _error(
        "a hook has a handler or a command, not both", "leave out one of them, as the cloud asks"
    ),
    # --- the files of one application
    "FCB360": _error(
        "`extend` names {found}: expected another file that ends in .yaml or .yml",
        "a template of this file is named below a resource: `extend: {{name: ...}}`",
    ),
    "FCB361": _error(
        "`extend` and environments exclude each other",
        "the official tool refuses it too: leave out --env and `env`, or `extend`",
    ),
    "FCB362": _error("there is no environment '{name}' in {file}", "{advice}"),
    "FCB363": _warning("`extend` of a base file has no effect, as in the official tool"),
    # --- files and props of another release, and of several regions
    "FCB364": _error(
        "`services` is of FC 2.0: a file of edition 3.0.0 has `resources`",
        "write `edition: 1.0.0` if this is a file of FC 2.0: it is converted in memory",
    ),
    "FCB365": _warning(
        "resource '{name}' is left out: '{first}' has the same functionName, in another region",
        "select '{name}' to run it instead",
    ),
    "FCB366": _error(
        "the props of '{name}' have a map `function`: FC 3.0 has its keys directly in the props",
        "move its keys up, and delete `function`",
    ),
    "FCB367": _warning(
        "nasConfig: auto mounts at /mnt/auto in FC 2.0, and at /mnt/<functionName> in 3.0",
        "look for /mnt/auto in the code, or write the mount point with mountDir: /mnt/auto",
    ),
    "FCB368": _warning(
        "the environment has an overlay for '{name}', which this file does not have", "{advice}"
    ),
    "FCB369": _warning(
        "`services` is ignored: a file of edition 3.0.0 has `resources`",
        "move what it holds below `resources`, or delete it",
    ),
    "FCB370": _error("{file} is not there", "{advice}"),
    # --- layers and mount points
    "FCB340": _warning(
        "the layer {name} is not mapped to a directory: the function runs without it",
        "write below fcbox.mounts, with the directory that you have it in: {line}",
    ),
    "FCB341": _warning(
        "the mount point {name} is not mapped to a directory: the function runs without it",
        "write below fcbox.mounts, with a directory of your choice: {line}",
    ),
    "FCB342": _warning("no function has a layer or mount point '{name}'", "{advice}"),
    "FCB343": _error("{name} is mapped to {path}, and there is no such directory", "{advice}"),
    "FCB344": _error("mountDir '{target}' is not an absolute path", "for example /mnt/nas"),
    "FCB345": _error(
        "mountDir '{target}' would hide {what}, or is part of it", "for example /mnt/nas"
    ),
    "FCB346": _warning(
        "where ossMountConfig: auto mounts is known only after a deployment: the function runs "
        "without it",
        "write the mount point as the official tool shows it",
    ),
    "FCB347": _error("two mount points are at {target}", "give one of them another mountDir"),
    # --- the props of fc3, taken together
    "FCB350": _error(
        "cronExpression '{text}' is not valid: {problem}",
        "for example 0 0 4 * * * (every day at 4:00 UTC), CRON_TZ=Asia/Shanghai 0 0 4 * * *, "
        "or @every 5m",
    ),
    "FCB351": _error(
        "two triggers are called '{name}'", "the first one is at line {line}: rename one of them"
    ),
    "FCB352": _warning(
        "the cloud refuses {cpu} vCPU with {memory} MB: each vCPU needs 1 to 4 GB",
        "with memorySize {memory}, cpu must be from {least} to {most}",
    ),
    "FCB353": _error("{trigger} is a timer and has no cronExpression", "for example @every 5m"),
    "FCB354": _warning("{trigger} has no {key}: the cloud refuses it"),
    "FCB355": _warning("unknown triggerType '{kind}'", "{advice}"),
    "FCB356": _warning(
        "FC 3.0 has no preFreeze hook any more: the cloud ignores it",
        "do it at the end of the handler, or in preStop",
    ),
    # --- files of FC 2.0
    "FCB330": _note(
        "FC 2.0 file: converted in memory", "`fcbox config convert` writes the 3.0 form"
    ),
    "FCB331": _warning("{key} is left out of the 3.0 form: {reason}"),
    "FCB332": _warning(
        "resource '{name}' is left out of the 3.0 form: a service without a function", "{advice}"
    ),
    "FCB333": _error(
        "{key} must be a map, or a variable that stands for one in this file",
        "write the map here, or below `vars`",
    ),
    "FCB334": _note(
        "an HTTP function of FC 2.0: its handler gets (environ, start_response)",
        "in a file of 3.0 it gets (event, context): see `fcbox init --template http`",
    ),
    # --- code and handlers
    "FCB401": _error(
        "code: there is no directory {path}", "the path begins at the directory of the s.yaml"
    ),
    "FCB402": _error(
        "code {what} is not supported yet", "give the directory of the code, or its .zip"
    ),
    "FCB403": _error(
        "handler '{handler}' is not of the form file.function", "for example index.handler"
    ),
    "FCB404": _error("handler '{handler}': there is no file {file}", "{advice}"),
    "FCB405": _error("handler '{handler}': {file} has no {function}", "{advice}"),
    "FCB406": _note("{file} is larger than {limit} KB: whether it has {function} is not checked"),
    "FCB407": _warning(
        "{file} is no valid Python {version}: line {line}",
        "correct the line; if the function's own Python is newer and knows it, all is well",
    ),
    # --- archives of code
    "FCB410": _error(
        "code: there is no archive {path}", "build it, or give the directory that it is made of"
    ),
    "FCB411": _error("{path} is no .zip archive, or a damaged one", "make the archive anew"),
    "FCB412": _error(
        "{path}: the member {detail} has a name that is no path below the code directory",
        "make the archive anew, inside the directory of the code",
    ),
    "FCB413": _error(
        "{path}: the symbolic link {detail} leads out of the code directory",
        "pack what it leads to (zip does without -y)",
    ),
    "FCB414": _error(
        "{path}: the member {detail} is encrypted", "the cloud cannot unpack it either"
    ),
    "FCB415": _error(
        "{path} has more than {most} members and directories, or than {links} symbolic links",
        "leave out what the code does not use",
    ),
    "FCB416": _error(
        "{path}: two members want to be at {detail}",
        "make the archive anew, with each name once",
    ),
    "FCB417": _error(
        "{path}: the member {detail} is of a kind that cannot be unpacked",
        "accepted are files, directories and symbolic links, stored or deflated",
    ),
    "FCB418": _error(
        "{path} has more than {gb} GB when it is unpacked",
        "leave out what the code does not use",
    ),
    "FCB419": _error(
        "{path} is not looked at: the archives of this file have more than {most} members",
        "leave out what does not belong to the code, or name directories",
    ),
    # --- selection and interpreters
    "FCB501": _error("no function or resource is called '{name}'", "{advice}"),
    "FCB502": _error("'{name}' has the runtime {runtime}, which does not run here", "{advice}"),
    "FCB503": _note("resource '{name}' is skipped: runtime {runtime} does not run here"),
    "FCB504": _warning("{problem}"),
    "FCB505": _error("{problem}", "name another interpreter with --python or fcbox.python"),
}
