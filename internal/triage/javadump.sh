# shellcheck shell=sh disable=SC2154,SC3045
# socket|log PID BEGAN EXE NUMBER: has a JVM dump its threads. By its socket, as jcmd does: a file .attach_pidNUMBER beside tells
# it that SIGQUIT means to open one (AttachListener::is_init_trigger of HotSpot). NUMBER is its process id in its own
# namespace. Or by SIGQUIT alone: it prints into its own log then. The first line says how it went, and the dump is what follows
# "dump"; exit status 3 says that it did not come whole.
exec 2>/dev/null
how=$1 pid=$2 start=$3 exe=$4
same "$pid" "$start" "$exe" || { echo 'refused changed'; exit 0; }
if [ "$how" = log ]; then
  ! signal QUIT "$pid" "$start" "$exe" || echo sent
  exit 0
fi
inside /tmp
socket=$w/.java_pid$5 ask=$w/.attach_pid$5
if [ ! -S "$socket" ]; then
  (set -C; umask 077; : >"$ask") || [ -O "$ask" ] || { echo unwritable; exit 0; }
  trap 'rm -f "$ask"' EXIT
  trap 'exit 143' TERM INT HUP
  signal QUIT "$pid" "$start" "$exe" || exit 0
  n=0
  while [ ! -S "$socket" ] && [ $n -lt 50 ]; do
    sleep 0.1
    n=$((n + 1))
  done
  rm -f "$ask"
fi
[ -S "$socket" ] || { echo silent; exit 0; }
echo dump
printf '1\000threaddump\000\000\000\000' | timeout 15 unixcat "$socket" || exit 3
