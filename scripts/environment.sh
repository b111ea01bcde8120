# Sourced by scripts/fcbox and scripts/test, with $root set to the checkout: finds the Python
# environment that fits a requirements file, or makes it first.
#
#   use_environment KIND REQUIREMENTS    sets $environment; its interpreter is bin/python
#
# Layout:   HOME/KIND-<checksum of the requirements>-py<X.Y>/    an ordinary virtual environment
#           HOME/KIND-<checksum of the requirements>.lock
# where HOME is .venv in the checkout, or a folder of the user's cache if the checkout is read-only.
#
# The file `ready` in an environment is written last, under the lock: without it the environment
# was interrupted half-way, and is made again. When it is there, finding it costs one cksum and
# starts no Python. The checkout itself is put on the path by a .pth file, not by PYTHONPATH, so
# that the interpreter can run with -I: nothing in the user's directory or PYTHON* variables can
# then shadow what fcbox imports.
#
# FCBOX_HOST_PYTHON=python3.13 asks for that interpreter instead of the first that is new enough.

say() {
    printf 'fcbox: %s\n' "$1" >&2
}

# fail STATUS ERROR HINT
fail() {
    printf 'fcbox: error: %s\n\nhint: %s\n' "$2" "$3" >&2
    exit "$1"
}

user_cache() {
    printf '%s\n' "${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/fcbox"
}

use_environment() {
    sum=$(cksum <"$root/$2")
    key="$1-${sum%% *}"
    version='*'
    if [ -n "${FCBOX_HOST_PYTHON:-}" ]; then
        choose_python
    fi
    find_ready "$root/.venv" && return
    cache_home
    find_ready "$cached" && return
    make_environment "$2"
}

# The user's cache may serve several checkouts: each has its own folder there.
cache_home() {
    sum=$(printf '%s' "$root" | cksum)
    cached="$(user_cache)/checkout-${sum%% *}"
}

find_ready() {
    for ready in "$1/$key"-py$version/ready; do
        environment=${ready%/ready}
        if [ -e "$ready" ] && [ -x "$environment/bin/python" ]; then
            return 0
        fi
    done
    return 1
}

# Sets $base (path of an interpreter outside any virtual environment) and $version (X.Y).
choose_python() {
    probe='
import os, sys
if sys.version_info >= (3, 11) and sys.implementation.name == "cpython":
    base = os.path.realpath(getattr(sys, "_base_executable", sys.executable))
    print("%d.%d" % sys.version_info[:2], base)'
    for candidate in ${FCBOX_HOST_PYTHON:-python3 python3.13 python3.12 python3.11}; do
        found=$("$candidate" -I -c "$probe" 2>/dev/null) || continue
        if [ -n "$found" ]; then
            version=${found%% *}
            base=${found#* }
            return
        fi
    done
    fail 69 "no CPython 3.11 or newer found (looked for: ${FCBOX_HOST_PYTHON:-python3, python3.13, python3.12, python3.11})" \
        "apt-get install python3 python3-pip, or put a newer python3 first on PATH"
}

# make_environment REQUIREMENTS
make_environment() {
    choose_python
    if mkdir -p "$root/.venv" 2>/dev/null && [ -w "$root/.venv" ]; then
        home="$root/.venv"
        checkout=../../../../.. # Seen from site-packages: the checkout may be moved.
    else
        home=$cached
        checkout=$root
        mkdir -p "$home" 2>/dev/null ||
            fail 69 "cannot write to $root/.venv nor to $home" "set XDG_CACHE_HOME to a folder of yours"
    fi
    environment="$home/$key-py$version"
    exec 9>"$home/$key.lock"
    if ! flock -n 9; then
        say "waiting for another start that is making the environment"
        flock 9
    fi
    if ! find_ready "$home"; then
        environment="$home/$key-py$version"
        fill_environment "$1"
    fi
    exec 9>&-
}

# fill_environment REQUIREMENTS
fill_environment() {
    say "making the environment in $environment (Python $version)"
    rm -rf "$environment"
    # Without pip, because Debian keeps what venv needs for that in a package of its own; the
    # pip outside is as good.
    run_quietly "$base" -I -m venv --without-pip "$environment"

    say "installing $(grep -c '^[a-z].*==' "$root/$1") packages from $1"
    if clean_python "$base" -P -c 'import pip' 2>/dev/null; then
        set -- "$1" "$base" -P -m pip --python "$environment/bin/python"
    else
        run_quietly "$environment/bin/python" -P -m ensurepip
        set -- "$1" "$environment/bin/python" -P -m pip
    fi
    requirements=$1
    shift
    run_quietly "$@" --quiet --no-input --disable-pip-version-check install --no-user \
        --root-user-action=ignore --no-warn-script-location --require-hashes -r "$root/$requirements"

    printf '%s\n' "$checkout" >"$environment/lib/python$version/site-packages/fcbox.pth"
    # What pip would write for an installed fcbox. `python -m sandbox` does the same, but the
    # import of runpy costs 3 ms of every start.
    printf 'import sys\n\nfrom sandbox.__main__ import main\n\nsys.exit(main())\n' \
        >"$environment/bin/fcbox"
    # So that the first start is as fast as the next ones, even where it may not write bytecode.
    "$environment/bin/python" -I -m compileall -q "$root/sandbox" "$root/worker" >/dev/null 2>&1 || :
    : >"$environment/ready"
    say "environment ready"
}

# clean_python COMMAND...: nothing of the user's on its path, but pip may be in the user's site.
clean_python() {
    (
        unset PYTHONPATH PYTHONHOME
        exec "$@"
    )
}

# run_quietly COMMAND...: the output is shown only if it fails.
run_quietly() {
    if ! clean_python "$@" >"$home/$key.log" 2>&1 </dev/null 9>&-; then
        tail -n 20 "$home/$key.log" >&2
        fail 69 "making the environment failed (whole output: $home/$key.log)" \
            "is pip there (apt-get install python3-pip), and can it reach a package index?"
    fi
}
