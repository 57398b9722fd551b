# shellcheck shell=sh disable=SC2154,SC3045
# socket|log PID BEGAN EXE NUMBER: has a JVM dump its threads. By its socket, as jcmd does: a file .attach_pidNUMBER beside tells
# it that SIGQUIT means to open one (AttachListener::is_init_trigger of HotSpot). NUMBER is its process id in its own
# namespace. Or by SIGQUIT alone: it prints into its own log then. The first line says how it went, and the dump is what follows
# "dump"; the exit status says where it did not come: 3 in time, 4 that another process has the socket, 5 what standard error
# does.
exec 3>&2 2>/dev/null
how=$1 pid=$2 start=$3 exe=$4 number=${5-}
same "$pid" "$start" "$exe" || { echo 'refused changed'; exit 0; }
if [ "$how" = log ]; then
  ! signal QUIT "$pid" "$start" "$exe" dispatches || echo sent
  exit 0
fi
inside /tmp
socket=$w/.java_pid$number ask=$w/.attach_pid$number
# opened: is there a socket, and somebody in the pod's network who has it open? HotSpot gives it its name when it listens. One that
# a JVM left which was killed has nobody, and HotSpot puts its own in its place.
opened() {
  [ -S "$socket" ] && [ ! -e "$socket.tmp" ] || return 1
  [ ! -r "/proc/$pid/net/unix" ] || grep -qE "/[.]java_pid$number([.]tmp)?\$" "/proc/$pid/net/unix"
}
if ! opened; then
  # A stranger's file is left as it is. What is ours goes however this ends, so the trap is there first.
  [ -O "$ask" ] || [ ! -e "$ask" ] || { echo unwritable; exit 0; }
  trap 'rm -f "$ask"' EXIT
  trap 'exit 143' TERM INT HUP
  (set -C; umask 077; : >"$ask") || [ -O "$ask" ] || { trap - EXIT; echo unwritable; exit 0; }
  signal QUIT "$pid" "$start" "$exe" dispatches || exit 0
  n=0
  while ! opened && [ $n -lt 50 ]; do
    sleep 0.1
    n=$((n + 1))
  done
  rm -f "$ask"
fi
opened || { echo silent; exit 0; }
echo dump
printf '1\000threaddump\000\000\000\000' | timeout 15 unixcat "$pid" "$socket" 2>&3
case $? in
  0) ;;
  124 | 143) exit 3 ;;
  4) exit 4 ;;
  *) exit 5 ;;
esac
