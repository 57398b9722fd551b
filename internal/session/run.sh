# shellcheck shell=sh disable=SC2016,SC2034,SC2086,SC2154,SC3013
# mindebug mindebug:SESSION:REASON ID GRACE PLACE FLAGS [COMMAND…]: one session. ID is the target container's id. FLAGS
# holds q for no notices, k where standard input is the lease (keep.sh) rather than the command's, i where it is a stream
# for the command, d where the client leaves the command running: then GRACE is how long; s where the client wants to see
# what tells the kind of the target's image; and a where another process holds the lease (attach.sh).
#
# First come, on standard output, lines that tell the client what it has reached, the last of them "go" (or "stop" and the
# reason); all that follows is the command's own. Under the name mindebug-look that is all, and no use of the container.
script='eval "$MINDEBUG_RUN"'
eval "$MINDEBUG_LIB"
session=${1#mindebug:} session=${session%%:*} id=$2 grace=$3 place=$4 flags=$5
shift 5

# The target's process is the one whose cgroup names its container: the oldest of them, since the runtime started it
# first and all others came from it, or were exec'ed later.
started() { started=${20}; }                     # field 22 of /proc/PID/stat, given those from the third on
TPID=
if names /proc/1/cgroup "$id"; then TPID=1; else
  oldest=
  for d in /proc/[0-9]*; do
    names "$d/cgroup" "$id" || continue
    line "$d/stat"
    started ${x##*) }
    [ -n "$oldest" ] && [ "$started" -ge "$oldest" ] || oldest=$started TPID=${d#/proc/}
  done
fi
if [ -z "$TPID" ]; then
  line /proc/1/cgroup
  [ "$x" = "$cgroup" ] && why=apart || why=gone
  printf 'mindebug 1\nstop %s\n' $why
  exit 125
fi
T=/proc/$TPID/root

facts="pid $TPID"
# The shell would take two system calls for each byte of the files; grep has as many groups and capabilities as the shell.
while read -r key value; do
  [ ${#value} -le 500 ] || continue
  case $key in
    /proc/self/status:[UG]id:) ;;
    /proc/self/*) facts="$facts
own ${key#*:} $value" ;;
    ?*) facts="$facts
${key#*:} $value" ;;
  esac
done <<EOF
$(grep -E '^(Uid|Gid|Groups|CapPrm):' "/proc/$TPID/status" /proc/self/status 2>/dev/null)
EOF
# opens FILE: x says whether this process may open it.
opens() { { true <"$1"; } 2>/dev/null && x=open || x=closed; }
opens "/proc/$TPID/environ"
environ=$x
opens /proc/self/environ
[ $x = open ] && hidden=no || hidden=yes
line /proc/self/oom_score_adj
score=$x memory=
for f in /memory/memory.usage_in_bytes /memory.current; do
  line "$T/sys/fs/cgroup$f"
  memory=${memory:-$x}
done
# plain PATH: is PATH below the target's root, as x, with no link on the way? The kernel would follow one into the debug
# image. A link leads to a place that is looked at under its own name.
plain() {
  x=$T
  for name in $(IFS=/; echo $1); do
    x=$x/$name
    [ -e "$x" ] && [ ! -L "$x" ] || return 1
  done
}

# seen: adds to facts what tells the kind of the target's image: a shell, the distribution and a package database, each "-"
# where there is none in the usual places. The target may put anything there: of a file no more than its beginning is read,
# and not for long.
seen() {
  [ -d "$T/." ] || return 0
  shell=- os=- packages=-
  for d in bin usr/bin usr/local/bin sbin usr/sbin busybox; do
    plain $d || continue
    for f in sh bash dash ash busybox zsh ksh; do
      [ "$shell" != - ] || ! plain $d/$f || [ ! -f "$x" ] || shell=/$d/$f
    done
  done
  for f in var/lib/dpkg/status var/lib/chisel/manifest.wall usr/lib/apk/db/installed lib/apk/db/installed var/lib/dpkg/status.d; do
    ! plain $f || packages=$f
  done
  for f in usr/lib/os-release etc/os-release; do
    plain $f || continue
    [ -f "$x" ] || continue
    os=linux x="
$(timeout 1 dd if="$x" bs=4096 count=1 2>/dev/null)"
    case $x in *"
ID="*) os=${x#*"
ID="} os=${os%%"
"*} ;; esac
  done
  case $os in *[!a-zA-Z0-9._\"\'-]* | ?????????????????????????????????*) os=linux ;; esac
  facts="$facts
image $shell $os $packages"
}
case $flags in *s*) seen ;; esac
printf 'mindebug 1\n%s\nenviron %s\nhidden %s\noom %s\nmemory %s\ngo\n' "$facts" $environ $hidden "$score" "$memory"
[ "$0" != mindebug-look ] || { printf '\036mindebug:%s' "$session"; exit 0; }

# Where the target works, if that is still there; as a path below its root, so that `cd ..` goes where one expects.
{ cd "$T$(readlink -n "/proc/$TPID/cwd")" && [ . -ef "/proc/$TPID/cwd" ] || cd "/proc/$TPID/cwd" || cd "$T" || cd /; } 2>/dev/null

# word TEXT: w is TEXT with "@pid", "@/path" and "@@" replaced.
word() {
  w='' before='' path='' s=$1
  while :; do
    case $s in *@*) w=$w${s%%@*} s=${s#*@} ;; *) w=$w$s; break ;; esac
    case $s in
      @*) w=$w@ s=${s#@} ;;
      pid | pid[!A-Za-z0-9_]*) w=$w$TPID s=${s#pid} ;;
      /*) if [ -z "$path" ]; then before=$w w='' path=1; else w=$w@; fi ;;
      *) w=$w@ ;;
    esac
  done
  [ -z "$path" ] || { inside "$w"; w=$before$w; }
}
case $* in *@*) for s; do shift; word "$s"; set -- "$@" "$w"; done ;; esac

case $flags in
  *k*)
    exec 4<&0 </dev/null
    sh -c 'eval "$MINDEBUG_KEEP"' "mindebug-keep:$session" "$grace" within <&4 >/dev/null 2>&1 3<&- 4<&- &
    exec 4<&- ;;
  *a*) ;;
  *) sh -c 'eval "$MINDEBUG_KEEP"' "mindebug-guard:$session" "$grace" within </dev/null >/dev/null 2>&1 3<&- & ;;
esac
keeper=${!-}
[ $# -gt 0 ] || set -- sh
trap : INT TERM HUP QUIT
by=''
trap 'by=:lease' USR1                            # from the keeper
trap 'by=:stop' USR2                             # from the holder
exec 5>&2 2>/dev/null                            # what this shell says of its child ("Killed") is not the child's
(
  exec 2>&5 5>&-
  case $flags in *d*) exec </dev/null >/dev/null 2>&1 ;; esac # nobody will take what it says
  unset MINDEBUG_LIB MINDEBUG_HOLD MINDEBUG_RUN MINDEBUG_KEEP MINDEBUG_LOOK MINDEBUG_ATTACH MINDEBUG_TOP MINDEBUG_USER MINDEBUG_REASON MINDEBUG_VERSION MINDEBUG_PROFILE
  export MINDEBUG_SESSION="$session" T TPID TARGET_ROOT="$T" TARGET_PID="$TPID" HISTFILE=/dev/null PS1="$place \$PWD \$ "
  exec "$@" 3<&-
)
status=$? ended=$by

# say FORMAT WORDS: the session's own words come from a process of their own, since nobody may take them any more, and
# the keeper can end that as it can a command.
say() (
  # shellcheck disable=SC2059
  printf "$@"
)
case $flags$status in
  *d*126) say 'sh: %s: not executable\n' "$1" >&5 ;;
  *d*127) say 'sh: %s: not found\n' "$1" >&5 ;;
esac
case $flags in *q*) ;; *)
  [ $status = 0 ] || for s; do
    case $s in /*) [ ! -e "$s" ] || continue ;; *) continue ;; esac
    inside "$s"
    [ ! -e "$w" ] || { say 'mindebug: %s is a file of the target: write @%s\n' "$s" "$s" >&5; break; }
  done ;;
esac
# Input that the command left unread would hold up, or break, the connection that its output is still on: it is taken in
# until the client, told by the keeper that it is of no use, sends no more.
case $flags in *i*)
  exec 6<&0
  timeout 10 cat <&6 >/dev/null 3<&- 6<&- &
  rest=$!
  nap 0.005
  while line "/proc/$rest/stat"; do
    case $x in '' | *') Z '*) break ;; esac
    ours
    tell USR1 'eval "$MINDEBUG_KEEP"mindebug-keep:'"$session"
    nap 0.05
  done
  wait $rest ;;
esac
sweep "*$run_of$session:*" "MINDEBUG_SESSION=$session"     # what the command left behind
tell USR1 'eval "$MINDEBUG_HOLD"mindebug-hold'     # a use that the holder may not have seen
# The client takes this off, and so knows an end from a lost stream. It is said again if the keeper, ending the command, has
# met it; but not where the keeper has ended it as well.
by=''
for _ in 1 2 3; do
  say '\036mindebug:%s' "$session$ended"
  case $?$by in 137) ;; *) break ;; esac
done
[ -z "$keeper" ] || { kill -KILL $keeper; wait $keeper; } 2>/dev/null
[ -n "$timed" ] || sweep "*$run_of$session:*" "MINDEBUG_SESSION=$session" # the program that the keeper waits with
exit $status
