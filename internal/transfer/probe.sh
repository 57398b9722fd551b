# shellcheck shell=sh disable=SC2154
# probe PATH STAGE: what there is where PATH of the target leads: its real path below /, NUL, then a line: folder, file or
# absent; the same of the folder it is in; and, from the nearer of the two that is a folder, how many KiB are free. That folder
# and STAGE are the arguments of send.sh, which comes after this once a line "send" is on standard input. Before it there can be
# a line "used", one with a volume, some with names in that folder, and an empty one: how many KiB are in the volume without them?
cd / || exit
case $1 in /*) p=$1 ;; *) p=/proc/self/cwd/$1 ;; esac
inside "$p"
w=${w#/} w=${w%/}
kind() { if [ -d "$1" ]; then k=folder; elif [ -e "$1" ]; then k='file'; else k=absent; fi; }
kind "$w"
is=$k
kind "${w%/*}"
[ "$is" = folder ] && d=$w || d=${w%/*}
# (df knows no volume that is mounted in the target only. A file system that has no size has no blocks.)
free=$(stat -f -c '%b ? %a * %S / 1024 : -1' "$d" 2>/dev/null) || free=-1
# shellcheck disable=SC2004
printf '%s\0%s %s %s\n' "$w" "$is" "$k" $(($free)) # which is text with numbers in it
now() { read -r s _ </proc/uptime && s=${s%%.*}; }
# kib PATH: n is how many KiB are in it, on its own file system, or empty where that is not known by the second "$late".
kib() {
  now
  n=''
  [ "$s" -ge "$late" ] || n=$(timeout $((late - s)) du -skx "$1" 2>/dev/null)
  n=${n%%[!0-9]*}
}
device() { stat -c %d "$1" 2>/dev/null; }
while :; do
  read -r line || exit 0
  case $line in
    used)
      read -r v
      inside "$v/"
      now
      late=$((s + 5))
      kib "$w"
      sum=${n:-0}
      while read -r name && [ -n "$name" ]; do
        [ -e "$d/$name" ] || continue
        [ "$(device "$d/$name")" = "$(device "$w")" ] || continue
        kib "$d/$name"
        sum=$((sum - ${n:-$sum}))
      done
      echo "$sum" ;;
    send) set -- "$d" "$2"; break ;;
    *) exit 0 ;;
  esac
done
