# shellcheck shell=sh disable=SC2016,SC2034,SC2154
# mindebug-look WHAT: says what is going on in the container: a line "session SECONDS mindebug:SESSION:REASON" for each
# session in it, "detached SECONDS LIMIT mindebug:…" for each that its client has left running, for LIMIT seconds at the
# most, "session SECONDS -" for what else somebody started there, and "end". Where WHAT is "stop" and there is none, or WHAT
# is "force", it has the holder end the container, and says "stopping" before.
script='eval "$MINDEBUG_LOOK"'
eval "$MINDEBUG_LIB"
started() { age=$((t - ${20} / 100)); }          # field 22 of /proc/PID/stat, in hundredths of a second since the start
# session PID COMMANDLINE: says which session a process is, and since when.
session() {
  case $2 in
    *"$run_of"*) who=$(tr '\0\n' '\n ' <"/proc/$1/cmdline" | {
      while read -r word; do case $word in mindebug:*) break ;; esac; done
      read -r _
      read -r limit
      read -r _
      read -r flags
      case $flags in *d*) printf 'detached %s %s' "$limit" "$word" ;; *) printf 'session %s' "$word" ;; esac
    }) ;;
    *) who='session -' ;;
  esac
  line "/proc/$1/stat"
  [ -n "$x" ] || return
  id=${who#*:} id=${id%%:*}
  case $seen in *" $id "*) return ;; esac        # reaper, and the process that waits for it, are one session
  case $who in *:*) seen="$seen $id " ;; esac
  # shellcheck disable=SC2086
  started ${x##*) }
  printf '%s %s %s\n' "${who%% *}" "$age" "${who#* }"
  used=1
}
holder='' attached='' used='' seen=''
echo 'mindebug 1'
now
ours
for e in $kin; do
  one "$e"
  case $sid:$pp in ?*:0) ;; *) continue ;; esac
  line "/proc/$p/cmdline"
  case $x in
    *'eval "$MINDEBUG_HOLD"mindebug-hold'*) holder=$p ;;
    *'eval "$MINDEBUG_ATTACH"mindebug-attach'*) attached=$p ;;
    *'eval "$MINDEBUG_KEEP"mindebug-keep:'* | *'eval "$MINDEBUG_'*'"mindebug-look'*) ;;
    *) session "$p" "$x" ;;
  esac
done
if [ -n "$attached" ]; then                      # its one session is not the runtime's child
  below "*$run_of*" MINDEBUG_SESSION=
  for p in $tops; do
    line "/proc/$p/cmdline"
    session "$p" "$x"
  done
fi
case $1$used in stop | force*)
  if [ -n "$holder" ]; then
    echo stopping
    kill -TERM "$holder"
  elif [ -n "$attached" ]; then                  # it ends with its session, or before that by the signal
    echo stopping
    [ -n "$used" ] || kill -TERM "$attached"
    finish USR2 ''
  fi ;;
esac
echo end
