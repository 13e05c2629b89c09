# Sourced by tests whose run() leaves the exit status in $status and what was printed in $output.
failures=0
# expect WHAT COMMAND...: the command must succeed
expect() {
  local what=$1
  shift
  if ! "$@"; then
    echo "FAILED: $what"
    printf '  status %s, output: %s\n' "$status" "$output"
    [ -z "${calls:-}" ] || printf '  calls: %s\n' "$calls"
    failures=$((failures + 1))
  fi
}
says() { [[ $output == *"$1"* ]]; }
