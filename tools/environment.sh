# Sourced by ./run and ./test. `environment FILE` leaves a virtual environment in $here/.venv with the packages of
# FILE, mailsvc on its path, and the launcher .venv/bin/mailsvc. It does nothing where FILE is installed already.

die() {
    printf '%s\n' "$*" >&2
    exit 2
}

find_python() {
    for python in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11; do
        if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            "$python" -c 'import ensurepip, venv' 2>/dev/null ||
                die "$python has no venv module; on Debian or Ubuntu: apt install ${python##*/}-venv"
            return
        fi
    done
    die "Python 3.11 or later is needed and none was found; set PYTHON to its path, or install it (Debian: apt install python3 python3-venv)"
}

environment() {
    venv=$here/.venv
    wanted=$(cd "$here" && cksum "$1")
    if "$venv/bin/python" -c '' 2>/dev/null && grep -qxF "$wanted" "$venv/installed" 2>/dev/null; then
        return
    fi
    printf 'Setting up %s from %s; this takes a minute, once.\n' "$venv" "$1" >&2
    if ! "$venv/bin/python" -c '' 2>/dev/null; then
        find_python
        "$python" -m venv --clear "$venv" >&2
    fi
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --require-hashes \
        -r "$here/$1" >&2
    "$venv/bin/python" - "$here" <<'PYTHON'
import pathlib, sys, sysconfig
pathlib.Path(sysconfig.get_path("purelib"), "mailsvc.pth").write_text(sys.argv[1] + "\n", encoding="utf-8")
PYTHON
    cat >"$venv/bin/mailsvc" <<'LAUNCHER'
#!/bin/sh
exec "$(dirname -- "$(readlink -f -- "$0")")/python" -P -m mailsvc "$@"
LAUNCHER
    chmod +x "$venv/bin/mailsvc"
    # The packages of requirements.txt are among those of requirements-dev.txt, in the same versions.
    (cd "$here" && cksum "$1" requirements.txt) >"$venv/installed"
}
