# shellcheck shell=sh disable=SC2154
# disk [PATH d|-]…: the file systems that the container has mounted; and of each PATH, a volume that it may write to, whose it is
# and, where d follows it, how much is in it. What does not answer is left after a few seconds.
block mounts
head -c 524288 "/proc/$TPID/mountinfo"
block systems
count=0
while read -r _ _ device _ mount _ rest; do
  case ${rest##*- } in proc\ * | sysfs\ * | cgroup* | devpts\ * | mqueue\ *) continue ;; esac
  case $mount in /proc/* | /sys/* | /dev | /dev/termination-log | /etc/hosts | /etc/hostname | /etc/resolv.conf) continue ;; esac
  [ $count -lt 64 ] || break
  count=$((count + 1))
  at=$(printf %b "$(printf %s "$mount" | sed 's/\\/\\0/g')"; echo .)
  echo "$device $(timeout 3 stat -f -c '%S %b %f %a %c %d' "$T${at%?}") $mount"
done <"/proc/$TPID/mountinfo"
while [ $# -ge 2 ]; do
  block "volume $1"
  inside "$1"
  can=-
  [ ! -w "$w" ] || can=w
  stat -L -c "$can %a %u %g" "$w"
  [ "$2" != d ] || timeout 5 du -skx "$w" | { read -r n _ && echo "$n"; }
  shift 2
done
