# shellcheck shell=sh disable=SC2086,SC2154
# The processes of the container: what their threads do, how many they may be.
block uptime
cat /proc/uptime
block status
cat "/proc/$TPID/status"
block limits
cat "/proc/$TPID/limits"
block tasks
each 'task/*/stat'
dump $words
block wchan
each 'task/*/wchan'
dump $words
block pids
inside /sys/fs/cgroup
dump "$w"/pids/pids.* "$w"/pids.*
# To wait for a disk is nothing; to wait for long is.
each 'task/*/stat'
if grep -q ') D ' $words; then
  sleep 0.3
  block later
  dump $words
fi
