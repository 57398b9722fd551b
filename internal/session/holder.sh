# shellcheck shell=sh disable=SC2016,SC2034,SC2154
# mindebug-hold TTL: the process of a session container. It does nothing but end the container: when it was not used for
# TTL seconds, or is asked to (the kubelet's SIGTERM, `stop`). In use means that the runtime's own child, as this process
# is, runs in it: a session's first process or its keeper, not what a session left behind. A session that ends sends
# SIGUSR1, so that a short one between two looks counts as a use too.
script='eval "$MINDEBUG_HOLD"'
eval "$MINDEBUG_LIB"
used() {
  ours
  for e in $kin; do
    one "$e"
    [ -z "$sid" ] || [ "$pp" != $PPID ] || return 0
  done
  return 1
}
why='' left=''
trap 'why=stopped' TERM INT
trap 'left=1' USR1
trap : HUP QUIT ALRM PIPE USR2
ttl=$1 tick=$(($1 / 4))
[ "$tick" -le 15 ] || tick=15
[ "$tick" -ge 1 ] || tick=1
[ "$ttl" -ge 60 ] || ttl=60                     # until the first session has ended: time enough for it to come
now
last=$t
while [ -z "$why" ]; do
  nap $tick
  now
  [ -z "$left" ] || { last=$t left='' ttl=$1; }
  if used; then last=$t
  elif [ $((t - last)) -ge "$ttl" ]; then why="unused for $ttl s"; fi
done
trap '' TERM USR1
case $ttl:$why in 0:unused*) why='its last session left' ;; esac
# Their own shells have their last words, and their reaper reaps them: when this process ends the runtime kills all that is
# left at once, and what then has no parent any more is a zombie of the target's first process. Words that nobody takes are
# killed as well.
for _ in 1 2; do
  finish USR2 ''
  now
  until=$((t + 10))
  while below "*$run_of*" MINDEBUG_SESSION=; now; [ -n "$tops$reapers" ] && [ "$t" -lt $until ]; do nap 0.02; done
done
echo "mindebug: $why" >/dev/termination-log
