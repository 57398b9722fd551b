# shellcheck shell=sh disable=SC2154
# go: which processes run a Go program that has net/http/pprof in it, and who listens.
for p in $pids; do
  ! proves "$(readlink "/proc/$p/exe")" "/proc/$p/exe" 'Go buildinf:' /debug/pprof/ || about "$p"
done
doors tcp tcp6
