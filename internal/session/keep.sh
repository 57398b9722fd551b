# shellcheck shell=sh disable=SC2016,SC2034,SC2154
# mindebug-keep:SESSION GRACE: holds the lease of a session. The client writes a line now and then: "." is a sign of
# life; INT and KILL send that signal to all that runs in the session, as a terminal would, TERM to the command, as kill(1)
# would; "end" that it leaves. When the client is silent, or gone, for GRACE seconds, what runs in the session is killed;
# the session's own shell then ends by itself, once its last words were taken. SIGUSR1, from that shell, means that the command has ended and takes no
# more input: the client is told "over".
#
# mindebug-guard:SESSION GRACE hears nobody, and ends the session after GRACE seconds.
#
# Where "within" follows GRACE the session's own shell has started it, and it gives way to a keeper that has come from the
# client meanwhile, on a connection of its own.
script='eval "$MINDEBUG_KEEP"'
eval "$MINDEBUG_LIB"
trap '' HUP INT QUIT TERM PIPE
trap 'over=1; echo over' USR1
session=${0#*:} word=. over=''

# leaders: leaves in work only what is right below a top: the command itself.
leaders() {
  command=
  for p in $work; do
    parent "$p"
    case "$tops$reapers " in *" $pp "*) command="$command $p" ;; esac
  done
  work=$command
}

now
heard=$t
case $0 in mindebug-guard:*)
  while now; left=$((heard + $1 - t)); [ $left -gt 0 ]; do
    [ $left -le 600 ] || left=600                # read -t takes no more than some weeks
    nap $left
  done
  word=end ;;
esac
while [ "$word" != end ]; do
  if ! read -r ${timed:+-t "$1"} word size; then
    [ -n "$over" ] || break
    over=''                                      # the signal ended the read, not the client
    continue
  fi
  now
  heard=$t
  case $word in
    data)
      echo "$size"
      dd bs="$size" count=1 iflag=fullblock 2>/dev/null ;;
    eof) exec >/dev/null ;;
    INT | TERM | KILL)
      below "*$run_of$session:*" "MINDEBUG_SESSION=$session"
      [ "$word" != TERM ] || leaders
      # shellcheck disable=SC2086
      [ -z "$work" ] || kill "-$word" $work 2>/dev/null
      ;;
  esac
done

# stays: is one of the tops still there?
stays() {
  for p in $tops; do
    short "/proc/$p/cmdline"
    case $x in *"$run_of$session:"*) return 0 ;; esac
  done
  return 1
}
# lasts GRACE: does the session last for GRACE seconds after the client was heard?
lasts() {
  tops=''
  while now; [ $((t - heard)) -lt "$1" ]; do
    stays || below "*$run_of$session:*" "MINDEBUG_SESSION=$session"
    [ -n "$tops$work" ] || return 1
    nap 0.2
  done
  return 0
}
# The client is gone. Where the session has ended, too, all is well; else it has until the end of the grace period, and then
# its own last words, which nobody may take, have as long again.
while lasts "$1"; do
  if [ "$2" = within ]; then
    ours
    for p in $pids; do
      short "/proc/$p/cmdline"
      case $x in *'eval "$MINDEBUG_KEEP"mindebug-keep:'"$session"*) exit 0 ;; esac
    done
  fi
  finish USR1 "$session:"
  now
  heard=$t
done
