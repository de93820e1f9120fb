# Functions for the scripts beside it. Sourced after `set -euo pipefail`, from the top of the checkout.

say() { printf '%s\n' "$*"; }

die() {
    printf '%s\n' "$*" >&2
    exit 1
}

seconds_since() { awk -v from="$1" -v to="$EPOCHREALTIME" 'BEGIN { printf "%.1f", to - from }'; }

# step TEXT COMMAND...: says what is done, shows what the command prints, and how long it took.
step() {
    local text=$1 start=$EPOCHREALTIME
    shift
    say "==> $text"
    "$@"
    say "    ($(seconds_since "$start") s)"
}

# quietly TEXT COMMAND...: the same in one line; what the command prints is shown if it fails.
quietly() {
    local text=$1 start=$EPOCHREALTIME log
    shift
    mkdir -p build
    log=$(mktemp build/log.XXXXXX)
    printf '==> %s ...' "$text"
    if ! "$@" >"$log" 2>&1; then
        say " failed after $(seconds_since "$start") s: $*"
        tail -n 60 "$log" >&2
        return 1
    fi
    say " $(seconds_since "$start") s"
    rm -f "$log"
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

apt_install_now() {
    local patient=(-q -o DPkg::Lock::Timeout=300)
    as_root apt-get "${patient[@]}" update &&
        as_root env DEBIAN_FRONTEND=noninteractive apt-get "${patient[@]}" install -y --no-install-recommends "$@"
}

# apt_install PACKAGE...: installs those that are missing.
apt_install() {
    if ! command -v dpkg-query >/dev/null; then
        say "Not a Debian: install what these packages hold by hand, if it is missing: $*"
        return
    fi
    local package missing=()
    for package in "$@"; do
        dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -q '^installed$' || missing+=("$package")
    done
    if [ ${#missing[@]} -gt 0 ]; then
        quietly "Installing ${missing[*]}" apt_install_now "${missing[@]}"
    fi
}

# venv DIRECTORY [PYTHON]: makes the virtual environment if it is not there.
venv() {
    [ -x "$1/bin/python" ] || "${2:-python3}" -m venv "$1"
}

# venv_install DIRECTORY ARGUMENT...: pip install in it.
venv_install() {
    local directory=$1
    shift
    "$directory/bin/python" -m pip --disable-pip-version-check install -q "$@"
}
