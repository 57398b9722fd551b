# shellcheck shell=sh disable=SC2154
# The container's memory as its own control group has it: v1, then v2, of which there is one.
inside /sys/fs/cgroup
block v1
dump "$w"/memory/memory.limit_in_bytes "$w"/memory/memory.usage_in_bytes "$w"/memory/memory.max_usage_in_bytes \
  "$w"/memory/memory.failcnt "$w"/memory/memory.oom_control "$w"/memory/memory.stat
block v2
dump "$w"/memory.max "$w"/memory.high "$w"/memory.current "$w"/memory.peak "$w"/memory.events "$w"/memory.stat "$w"/memory.pressure
block status
cat "/proc/$TPID/status"
