# shellcheck shell=sh disable=SC2086,SC2154
# The container's processor time as its own control group has it, v1 or v2, and twice: what it is now is the difference.
look() {
  block "$1"
  cat /proc/uptime
  dump "$w"/cpu/cpu.stat "$w"/cpu/cpu.cfs_quota_us "$w"/cpu/cpu.cfs_period_us "$w"/cpu/cpu.shares "$w"/cpuacct/cpuacct.usage \
    "$w"/cpu.stat "$w"/cpu.max "$w"/cpu.weight "$w"/cpu.pressure
  each 'task/*/stat'
  dump $words
}
inside /sys/fs/cgroup
look first
sleep 0.5
look second
