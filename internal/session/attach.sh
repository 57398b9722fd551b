# shellcheck shell=sh disable=SC2016,SC2034,SC2154
# mindebug-attach SECONDS: the process of a session container that is attached to. Its one session is its child. It waits
# SECONDS for a client, since output from before would be in the log only:
#
#   hello SESSION   from the client, until it hears "mindebug-here SESSION", on standard error too unless that is the terminal
#   part TEXT       of a word of run.sh, as for printf %b; "next" ends the word
#   run             begins the session
#
# What follows on standard input is for keep.sh or, on a terminal, the command's own. The last of the output is a mark with
# the exit status; marks "a" and "o" before it say that a piece of input was taken, and that no more is.
script='eval "$MINDEBUG_ATTACH"'
eval "$MINDEBUG_LIB"
session=${0#*:}
mark() { printf '\036mindebug-%s:%s\036' "$session" "$1"; }

case $0 in
  # mindebug-feed:SESSION hands pieces of input, each after a line with its size, to a command that may take its time. Marks
  # go to file descriptor 5.
  mindebug-feed:*)
    trap '' HUP INT QUIT TERM PIPE
    while read -r size; do
      dd bs="$size" count=1 iflag=fullblock 2>/dev/null || { mark o >&5; break; }
      mark a >&5
    done
    exit ;;
  # mindebug-idle:SESSION SECONDS ends a session on a terminal, which is not told that its client is gone: after SECONDS in
  # which no key was read, or when the client has made the terminal as large as none is.
  mindebug-idle:*)
    trap '' HUP INT QUIT TERM
    trap 'exit 0' USR1
    now
    last=$t keys=''
    while [ $((t - last)) -lt "$1" ] && [ "$(stty size)" != '29999 29999' ]; do
      nap 1
      now
      read=$(stat -c %X /dev/console)            # the kernel tells it to within 8 s (tty_update_time in drivers/tty)
      [ "$read" = "$keys" ] || last=$t keys=$read
    done 2>/dev/null
    finish USR1 "$session:"
    exit ;;
esac

# over WHY STATUS: the end of the container, and why, for who reads the pod.
over() {
  echo "mindebug: $1" >/dev/termination-log
  exit "$2"
}
trap : HUP INT QUIT
modes=''
if [ -t 0 ]; then
  modes=$(stty -g)
  stty -echo
fi
echo 'mindebug: what this session prints, and what is typed in it on a terminal, is in this log'
why='its client left before the session began' w='' wait=$1
trap 'why="no client came within $wait s"' USR1
(nap "$wait"; kill -USR1 $$) </dev/null >/dev/null 2>&1 &
dog=$!
set --
while read -r word text; do
  case $word in
    hello)
      session=$text
      echo "mindebug-here $session"
      [ -n "$modes" ] || echo "mindebug-here $session" >&2 ;;
    part) w=$w$(printf '%b.' "$text") w=${w%.} ;;
    next)
      set -- "$@" "$w"
      w='' ;;
    run) break ;;
  esac
done
{ kill -KILL $dog; wait $dog; } 2>/dev/null
[ "$word" = run ] || over "$why" 125
trap : USR1

# enter ARGS…: runs the session, and says how it ended.
enter() {
  MINDEBUG_TOP='' sh -c 'eval "$MINDEBUG_RUN"' mindebug "$@" 3<&- 4<&- 5<&-
  status=$?
  mark $status
  return $status
}
case $5 in
  *f*)
    exec 5>&1
    sh -c 'eval "$MINDEBUG_KEEP"' "mindebug-keep:$session" "$3" feed 3<&- 5<&- |
      sh -c 'eval "$MINDEBUG_ATTACH"' "mindebug-feed:$session" 3<&- |
      enter "$@" >&5
    status=$? ;;
  *)
    exec 4<&0
    end=KILL
    if [ -n "$modes" ]; then
      stty "$modes"
      end=USR1                                   # so that it leaves no child
      sh -c 'eval "$MINDEBUG_ATTACH"' "mindebug-idle:$session" "$3" <&4 >/dev/null 2>&1 3<&- 4<&- &
    else
      exec </dev/null
      sh -c 'eval "$MINDEBUG_KEEP"' "mindebug-keep:$session" "$3" <&4 >/dev/null 2>&1 3<&- 4<&- &
    fi
    helper=$!
    enter "$@"
    status=$?
    { kill -$end $helper; wait $helper; } 2>/dev/null ;;
esac
over "its session ended with exit status $status" $status
