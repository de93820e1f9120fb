#!/bin/sh
# usage: other_system.sh SOURCE MESON...: on a system that is none of ours the build stops at once, with one line that says
# what there is instead.
set -u
source=$1
shift
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cat >"$folder/windows" <<'END'
[binaries]
c = 'cc'
cpp = 'c++'
[host_machine]
system = 'windows'
cpu_family = 'x86_64'
cpu = 'x86_64'
endian = 'little'
END
if ! "$@" setup "$folder/build" "$source" --cross-file "$folder/windows" >"$folder/log" 2>&1 &&
    [ "$(grep -c ERROR "$folder/log")" = 1 ] &&
    grep 'ERROR: .*builds on Linux and macOS only; elsewhere: pip install "mlflow-oidc-client==0\.2\.4"$' "$folder/log"; then
    echo "1 passed, 0 failed"
else
    cat "$folder/log"
    echo "0 passed, 1 failed"
    exit 1
fi
