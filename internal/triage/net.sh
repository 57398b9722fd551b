# shellcheck shell=sh disable=SC2012,SC2086,SC2154
# net [HOST PORT]: the sockets of the pod's network and whose they are; whether HOST is reached at PORT, to which nothing is
# sent.
for f in tcp tcp6 udp udp6; do
  block "$f"
  head -c 524288 "/proc/$TPID/net/$f"
done
block netstat
grep '^TcpExt:' "/proc/$TPID/net/netstat"
block names
each comm
dump $words
block owners
for p in $pids; do
  ls -l "/proc/$p/fd" | sed -n 's/.* socket:\[\([0-9]*\)\]$/\1 '"$p"'/p'
done | head -c 524288
[ $# = 2 ] || return 0
block host
cat /proc/uptime
timeout 10 nc -w 5 "$1" "$2" -e true 2>&1 | head -c 1024
block reached
cat /proc/uptime
