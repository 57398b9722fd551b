# shellcheck shell=sh disable=SC2012,SC2154,SC3045
# PID BEGAN EXE: has Node.js open its inspector, by SIGUSR1. Prints the socket that it listens on then and did not before, as
# "open ADDRESS" in the kernel's words.
exec 2>/dev/null

# listens: the sockets that it listens on, INODE:ADDRESS:PORT.
listens() {
  own=" $(ls -l "/proc/$1/fd" | sed -n 's/.* socket:\[\([0-9]*\)\]$/\1/p' | tr '\n' ' ') "
  awk -v own="$own" '$4 == "0A" && index(own, " " $10 " ") { print $10 ":" $2 }' "/proc/$1/net/tcp" "/proc/$1/net/tcp6"
}
before=" $(listens "$1" | tr '\n' ' ') "
signal USR1 "$1" "$2" "$3" || exit 0
n=0
while [ $n -lt 50 ]; do
  for l in $(listens "$1"); do
    case $before in *" $l "*) ;; *) echo "open ${l#*:}"; exit 0 ;; esac
  done
  sleep 0.1
  n=$((n + 1))
done
echo silent
