# shellcheck shell=bash
# Shared by the scripts beside it; sourced, not run.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '%s: %s\n' "$(basename "$0" .sh)" "$*"; }
fail() {
  say "$*" >&2
  exit 1
}

# The comment at the head of the calling script.
help() { sed -n '2,/^[^#]/ { /^#/ s/^# \{0,1\}//p }' "$0"; }

# install_missing [COMMAND=]PACKAGE...: installs with apt-get the packages that are not there. What has a COMMAND counts
# as there when the command runs, wherever it comes from. A failure is only reported: CMake says what it really lacks.
install_missing() {
  local entry package missing=() log
  for entry in "$@"; do
    package=${entry#*=}
    if [[ $entry == *=* ]]; then
      "${entry%%=*}" --version >/dev/null 2>&1 || missing+=("$package")
    elif command -v dpkg-query >/dev/null; then
      [[ $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
    fi
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  if ! command -v apt-get >/dev/null; then
    say "missing: ${missing[*]} (Debian's names); no apt-get here, install them by your system's means" >&2
    return 0
  fi
  local as_root=()
  if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null; then
      say "missing: ${missing[*]}; neither root nor sudo here, ask your administrator to install them" >&2
      return 0
    fi
    as_root=(sudo)
  fi
  say "installing ${missing[*]}"
  log=$(mktemp)
  local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y)
  # An update that fails may be the fault of a repository that none of these comes from.
  if ! { "${apt[@]}" update; "${apt[@]}" install --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
    grep '^E: ' "$log" >&2 || tail -n 5 "$log" >&2
    say "could not install ${missing[*]}; going on without" >&2
  fi
  rm -f "$log"
}

# The tools every build needs, and a cmake that is new enough.
install_build_tools() {
  install_missing "${CXX:-c++}=g++" cmake=cmake make=make zlib1g-dev libpng-dev nlohmann-json3-dev "$@"
  local version
  version=$(cmake --version 2>/dev/null | sed -n '1s/[^0-9]*\([0-9.]*\).*/\1/p') || true
  [ -n "$version" ] || fail "cmake 3.23 or newer is needed and was not found"
  [ "$(printf '%s\n' 3.23 "$version" | sort -V | head -n 1)" = 3.23 ] ||
    fail "cmake 3.23 or newer is needed, found $version; 'pip install cmake' brings a current one"
}

# How many compilers to run at once: one a processor, and 2 GB of memory for each.
build_jobs() {
  local jobs memory
  jobs=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)
  memory=$(awk '/^MemAvailable/ { print int($2 / 2000000) }' /proc/meminfo 2>/dev/null || true)
  if [ -n "$memory" ] && [ "$memory" -lt "$jobs" ]; then jobs=$memory; fi
  echo $((jobs > 0 ? jobs : 1))
}
