# shellcheck shell=sh disable=SC2012,SC2015,SC2034,SC2154,SC3045
# What the scripts of all topics share. T is the target's root, TPID its first process, id its container and `inside` finds
# its files (internal/session/inside.sh). Nothing here writes, sends a signal or opens a file for more than to read it.
ulimit -v 16384 2>/dev/null
exec 2>/dev/null </dev/null

# block NAME: what is printed from here on is that block of the topic.
block() { printf '\n%s %s %s\n' "$mark" "$topic" "$1"; }

# dump FILE…: each line of the files that there are, as FILE:LINE; of all together no more than 256 KiB.
dump() { grep -sH '' "$@" | head -c 262144; }

# pids are the processes of the target's container, its first one before the others; 256 of them at the most.
pids=$TPID count=1
for d in /proc/[0-9]*; do
  [ "${d#/proc/}" != "$TPID" ] && [ $count -lt 256 ] && names "$d/cgroup" "$id" || continue
  pids="$pids ${d#/proc/}" count=$((count + 1))
done

# each FILE: words are /proc/PID/FILE of each of them.
each() {
  words=
  for p in $pids; do words="$words /proc/$p/$1"; done
}

# doors NAME...: the sockets of the pod's network, by these files of /proc/net, and whose those of the container are.
doors() {
  for f; do
    block "$f"
    head -c 524288 "/proc/$TPID/net/$f"
  done
  block owners
  for p in $pids; do
    ls -l "/proc/$p/fd" | sed -n 's/.* socket:\[\([0-9]*\)\]$/\1 '"$p"'/p'
  done | head -c 524288
}
