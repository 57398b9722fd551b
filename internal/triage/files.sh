# shellcheck shell=sh disable=SC2012,SC2086,SC2154
# The open files of each process of the container: how many, what they are, and how large those are that have no name any
# more.
block limits
for p in $pids; do grep -sH '^Max open files' "/proc/$p/limits"; done
block names
each comm
dump $words
each fd
block counts
find $words -type l | awk -F / '{n[$3]++} END {for (p in n) print p, n[p]}'
block open
find $words -type l | head -n 20000 | xargs -r ls -ld | sed 's/^[^/]*//' | head -c 2097152
block deleted
find $words -type l | head -n 20000 | xargs -r ls -ld | sed -n 's/^[^/]*\(\/proc\/[0-9]*\/fd\/[0-9]*\) -> \/.* (deleted)$/\1/p' |
  head -n 1000 | xargs -r stat -L -c '%n %b %B %D:%i %F'
