# shellcheck shell=sh disable=SC2016,SC2154
# mindebug-keep:SESSION GRACE: holds the lease of a session. The client writes a line now and then: "." is a sign of
# life; INT and KILL send that signal to all that runs in the session, as a terminal would, TERM to the command, as kill(1)
# would; "end" that it leaves. When the client is silent, or gone, for GRACE seconds, what runs in the session is killed;
# the session's own shell then ends by itself. SIGUSR1, from that shell, means that the command has ended and takes no
# more input: the client is told "over".
#
# mindebug-guard:SESSION GRACE does the same for a session whose keeper has not come within GRACE seconds, because its
# client was gone before it could send one.
eval "$MINDEBUG_LIB"
[ -n "$MINDEBUG_TOP" ] || { export MINDEBUG_TOP=1; first sh -c 'eval "$MINDEBUG_KEEP"' "$0" "$@"; }
trap '' HUP INT QUIT TERM PIPE
trap 'over=1; echo over' USR1
session=${0#*:} word=. over=''

# leaders: leaves in work only what is right below a top: the command itself.
leaders() {
  command=
  for p in $work; do
    parent "$p"
    case "$tops " in *" $pp "*) command="$command $p" ;; esac
  done
  work=$command
}

case $0 in mindebug-guard:*)
  nap "$1"
  ours
  for p in $pids; do
    line "/proc/$p/cmdline"
    case $x in *'eval "$MINDEBUG_KEEP"mindebug-keep:'"$session"*) exit 0 ;; esac
  done
  sweep "*$run_of$session:*" "MINDEBUG_SESSION=$session"
  exit 0 ;;
esac

now
heard=$t
while [ "$word" != end ]; do
  if ! read -r ${timed:+-t "$1"} word; then
    [ -n "$over" ] || break
    over=''                                      # the signal ended the read, not the client
    continue
  fi
  now
  heard=$t
  case $word in
    INT | TERM | KILL)
      below "*$run_of$session:*" "MINDEBUG_SESSION=$session"
      [ "$word" != TERM ] || leaders
      # shellcheck disable=SC2086
      [ -z "$work" ] || kill "-$word" $work 2>/dev/null
      ;;
  esac
done

# The client is gone. Where the session has ended, too, all is well; else it has until the end of the grace period.
while now; [ $((t - heard)) -lt "$1" ]; do
  below "*$run_of$session:*" "MINDEBUG_SESSION=$session"
  [ -n "$tops" ] || exit 0
  nap 0.2
done
sweep "*$run_of$session:*" "MINDEBUG_SESSION=$session"
