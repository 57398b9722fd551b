# shellcheck shell=sh disable=SC2016,SC2034,SC2086,SC2154,SC3045
# (Unquoted lists are meant to split; what is not in POSIX, `read -t`, is tried before it is used.)
#
# What the holder, a session and its keeper share. It stands in the debug container's environment as MINDEBUG_LIB.
# Nothing here writes a file, and nothing but grep, readlink and a shell without `read -t` starts a program.

# A process that the runtime started begins anew, before it has made another one, with what is in script: as the first that
# the OOM killer takes, and, where the image has reaper, so that it outlives its connection: a session below one that adopts
# what it leaves, a keeper by itself, since with the container all ends at once, and none may be left as another's zombie.
# Raising oom_score_adj needs no privilege; a process that is not dumpable needs oomfirst for it.
if [ -z "$MINDEBUG_TOP" ]; then
  export MINDEBUG_TOP=1
  oomfirst='' reaper=''
  if command -v oomfirst >/dev/null; then oomfirst=oomfirst
  else echo 1000 >/proc/self/oom_score_adj; fi 2>/dev/null
  case $0 in mindebug) reaper=reaper ;; mindebug-keep:*) reaper='reaper -x' ;; esac
  command -v reaper >/dev/null || reaper=
  exec $oomfirst $reaper sh -c "$script" "$0" "$@"
fi

# few is set where the shell's read can stop after some time, or some bytes.
few=
{ read -r -t 0 -n1 _ </dev/null; [ $? -ge 2 ] || few=1; } 2>/dev/null

# nap SECONDS: wait without starting a program, by reading a terminal that nobody writes to.
if [ -n "$few" ] && { true 3<>/dev/ptmx; } 2>/dev/null; then
  timed=1
  exec 3<>/dev/ptmx
  nap() { read -r -t "$1" _ <&3; }
else
  timed=
  nap() { sleep "$1" & nap=$!; wait $nap; kill $nap; wait $nap; } 2>/dev/null
fi

# now: t is the time in whole seconds since the machine started.
now() { read -r t _ </proc/uptime; t=${t%%.*}; }

# line FILE: x is its first line, without its NUL bytes; empty where it cannot be read.
line() { x=; { IFS= read -r x <"$1"; } 2>/dev/null; }

# short FILE: as line, but no more than the beginning where the shell's read can stop: it takes a system call for each byte.
short() { x=; { IFS= read -r ${few:+-n160} x <"$1"; } 2>/dev/null; }

# parent PID: pp is the parent of PID and sid its session, as numbers of this process namespace; state is its letter. They
# follow the last ")" of the file, and within 64 bytes, unless the name that is before it has a line's end.
parent() {
  x='' pp=''
  {
    IFS= read -r ${few:+-n64} x
    [ ${#x} = 64 ] || while IFS= read -r part; do x="$x $part"; done
  } 2>/dev/null <"/proc/$1/stat"
  set -- ${x##*) }
  state=${1-} pp=${2-} sid=${4-}
  [ -n "$pp" ]
} 2>/dev/null

# ours: pids are the living processes of this container but this one, told by their cgroup, which another container's
# process cannot forge. What is a zombie already is left out; what executes another program, and so has no command line for
# a moment, is not. dying are those of any container that are on their way out: in a hierarchy of cgroups v1 the kernel
# has them in the root then (proc_cgroup_show in kernel/cgroup/cgroup.c). They stand as PID:PARENT:SESSION, as pids do in
# kin; which has our zombies too, whose threads may live and have children, as PID:PARENT: alone.
line /proc/self/cgroup
cgroup=$x
ours() {
  pids='' dying='' kin=''
  for d in /proc/[0-9]*; do
    p=${d#/proc/}
    [ "$p" != $$ ] || continue
    line "$d/cgroup"
    case $x in "$cgroup") dies='' ;; *:/) dies=1 ;; *) continue ;; esac
    parent "$p" || continue
    case $dies$state in 1[ZX]) continue ;; [ZX]) sid='' ;; 1*) dying="$dying $p:$pp:$sid"; continue ;; *) pids="$pids $p" ;; esac
    kin="$kin $p:$pp:$sid"
  done
}

# tell SIGNAL NAME: sends SIGUSR1 or SIGUSR2 to the processes in pids whose command line contains NAME, if they wait for it:
# bit 9 or 11 of SigCgt (proc_pid_status(5)). One that does not, or is only starting, would die of it.
tell() {
  for p in $pids; do
    short "/proc/$p/cmdline"
    case $x in *"$2"*) ;; *) continue ;; esac
    while read -r key value; do
      case $1:$key$value in USR1:SigCgt:*[2367abef]?? | USR2:SigCgt:*[89abcdef]??) kill "-$1" "$p" ;; esac
    done <"/proc/$p/status"
  done
} 2>/dev/null

# run_of is the beginning of a session's command line, without NUL bytes: never what a user's own words would be.
run_of='eval "$MINDEBUG_RUN"mindebugmindebug:'

# below PATTERN MARK: tops are the processes of this container whose command line matches PATTERN, but for those that are
# reaper, in reapers; work is what runs below them or this process, or in a session of theirs, or was left behind by one: adopted
# by another process, it still has MARK in its environment. (With our image it is adopted by reaper, and its environment is
# closed.) A keeper or guard is neither. A shell's fork that is about to become a command still has the shell's command
# line, and is work.
below() {
  ours
  parent $$
  tops='' reapers='' above=" $$ " sids=" $sid " work='' rest=''
  for e in $kin $dying; do
    one "$e"
    [ -n "$sid" ] || { rest="$rest $e"; continue; }
    short "/proc/$p/cmdline"
    # shellcheck disable=SC2254
    case $x in
      *'eval "$MINDEBUG_KEEP"mindebug-'* | *'eval "$MINDEBUG_ATTACH"mindebug-'*) rest="$rest $p:$pp:"; continue ;;
      reaper$1) reapers="$reapers $p" above="$above$p " sids="$sids$sid "; continue ;;
      $1)
        short "/proc/$pp/cmdline"
        case $x in sh$1) ;; *) tops="$tops $p" above="$above$p " sids="$sids$sid "; continue ;; esac ;;
    esac
    # The kernel gives a process that is left behind a parent elsewhere. The runtime's own child has none here.
    case $pp in 0 | "$$") ;; *)
      case $kin$dying in *" $pp:"*) ;; *) ! names "/proc/$p/environ" "$2" || above="$above$p " work="$work $p"; esac ;;
    esac
    rest="$rest $e"
  done
  more=1
  while [ -n "$more" ]; do
    more='' left=''
    for e in $rest; do
      one "$e"
      case $above in *" $p "*) continue ;; esac
      case "$above:$sids" in *" $pp "*:* | *:*" ${sid:-none} "*) ;; *) left="$left $e"; continue ;; esac
      more=1 above="$above$p "
      [ -z "$sid" ] || work="$work $p"
    done
    rest=$left
  done
}

# one ENTRY: of kin, as p, pp and sid.
one() { p=${1%%:*} sid=${1##*:} pp=${1#*:} pp=${pp%:*}; }

# sweep PATTERN MARK: kill all that runs below the processes that match PATTERN, so that nothing of it stays and no zombie is
# left to the target's first process, which may not reap: the tops stop, lose what is below them, and continue and reap.
sweep() {
  round=0
  while [ $round -lt 250 ]; do
    round=$((round + 1))
    below "$1" "$2"
    [ -n "$work" ] || break
    kill -STOP $tops
    kill -KILL $work
    nap 0.02
  done 2>/dev/null
  kill -CONT $tops 2>/dev/null
}

# finish SIGNAL SESSION: ends SESSION ("ID:"), or all where it is empty, with the SIGNAL that tells its own shell why.
finish() {
  ours
  tell "$1" "$run_of$2"
  sweep "*$run_of$2*" "MINDEBUG_SESSION=${2%:}"
}
