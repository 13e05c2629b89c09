#!/usr/bin/env bash
# usage: pkg_config.sh COMPILER PREFIX WORK: builds and runs main.cpp with the flags that pkg-config gives for agon.
set -euo pipefail
compiler=$1 prefix=$2 work=$3
here=$(cd "$(dirname "$0")" && pwd)

export PKG_CONFIG_PATH="$prefix/share/pkgconfig${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}"
read -ra flags <<<"$(pkg-config --cflags --libs agon)"
mkdir -p "$work"
"$compiler" -std=c++20 "$here/main.cpp" -o "$work/consumer" "${flags[@]}"
"$work/consumer"
