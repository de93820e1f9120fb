#!/bin/sh
# usage: missing_library.sh SOURCE MESON...: where libraries are missing the build stops with one line that names the packages.
set -u
source=$1
shift
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# no library is described anywhere, and without cmake it is asked in no other way
if ! PKG_CONFIG_LIBDIR=$folder PKG_CONFIG_PATH= CMAKE=false "$@" setup "$folder/build" "$source" -Dextension=false >"$folder/log" 2>&1 &&
    [ "$(grep -c ERROR "$folder/log")" = 1 ] &&
    grep 'ERROR: .*missing, or too old; on Debian the packages are: libcurl4-openssl-dev .*libjansson-dev ' "$folder/log"; then
    echo "1 passed, 0 failed"
else
    cat "$folder/log"
    echo "0 passed, 1 failed"
    exit 1
fi
