# shellcheck shell=sh disable=SC2016,SC2154
# mindebug-look WHAT: says what is going on in the container: a line "session SECONDS mindebug:SESSION:REASON" for each
# session in it, "session SECONDS -" for what else somebody started there, and "end". Where WHAT is "stop" and there is
# none, or WHAT is "force", it has the holder end the container, and says "stopping" before.
eval "$MINDEBUG_LIB"
[ -n "$MINDEBUG_TOP" ] || { export MINDEBUG_TOP=1; first sh -c 'eval "$MINDEBUG_LOOK"' "$0" "$@"; }
started() { age=$((t - ${20} / 100)); }          # field 22 of /proc/PID/stat, in hundredths of a second since the start
holder='' used=''
echo 'mindebug 1'
now
ours
for p in $pids; do
  parent "$p"
  [ "$pp" = $PPID ] || continue
  line "/proc/$p/cmdline"
  case $x in
    *'eval "$MINDEBUG_HOLD"mindebug-hold'*) holder=$p; continue ;;
    *'eval "$MINDEBUG_KEEP"mindebug-keep:'* | *'eval "$MINDEBUG_'*'"mindebug-look'*) continue ;;
    *"$run_of"*) word=$(tr '\0\n' '\n ' <"/proc/$p/cmdline" | while read -r w; do
      case $w in mindebug:*) printf %s "$w"; break ;; esac
    done) ;;
    *) word=- ;;
  esac
  line "/proc/$p/stat"
  [ -n "$x" ] || continue
  # shellcheck disable=SC2086
  started ${x##*) }
  printf 'session %s %s\n' "$age" "$word"
  used=1
done
case $1$used in stop | force*)
  [ -z "$holder" ] || { echo stopping; kill -TERM "$holder"; } ;;
esac
echo end
