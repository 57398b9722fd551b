# shellcheck shell=sh disable=SC2086,SC2154
# net [HOST PORT]: the sockets of the pod's network and whose they are; whether HOST is reached at PORT, to which nothing is
# sent.
doors tcp tcp6 udp udp6
block netstat
grep '^TcpExt:' "/proc/$TPID/net/netstat"
block names
each comm
dump $words
[ $# = 2 ] || return 0
block host
cat /proc/uptime
timeout 10 nc -w 5 "$1" "$2" -e true 2>&1 | head -c 1024
block reached
cat /proc/uptime
