# shellcheck shell=sh disable=SC2016,SC2154
# list FOLLOW PATH…: what there is at and below each PATH of the target; relative ones are from its working directory. A link
# at the end of a PATH is followed where FOLLOW is 1 or a slash ends it, others never. What lies in the kernel's own file
# systems is not entered.
#
# Names can hold any byte but NUL. For each PATH: "root", NUL, its real path, NUL; then portions: names that NUL ends, an empty
# one, a line of stat for each that is still there, NUL; then "said", NUL, the beginning of what find said, NUL. At the end
# "end", NUL.
cd / || exit
t=${T#/} follow=$1
shift
# whole PROGRAM STATUS ends it all where the program was killed: then what it said is not all.
whole() { [ "$2" -lt 128 ] || { echo "$1 was killed" >&2; kill $$; }; }
for p; do
  case $p in /*) ;; *) p=/proc/self/cwd/$p ;; esac
  case $follow$p in
    1* | */ | */. | */..) inside "$p" ;;
    *) inside "${p%/*}/"; w=${w%/}/${p##*/} ;;
  esac
  w=${w#/} w=${w%/}
  [ "$w" != "$t" ] || w=$t/.                     # else it would be a link to find
  printf 'root\0%s\0' "$w"
  {
    said=$({
      { find "$w" \( -path "$t/proc" -o -path "$t/sys" -o -path "$t/dev" -o \
        -path "$t/./proc" -o -path "$t/./sys" -o -path "$t/./dev" \) -prune -print0 -o -print0 2>&3; whole find $?; } |
        { xargs -0 -r sh -c 'printf "%s\0" "$@"; printf "\0"; stat -c "%f %s %b %h %d %i %y %n" "$@"; s=$?; printf "\0"
          [ $s -lt 128 ] || exit 255' list >&4 3>&- || whole "xargs or stat" 255; }
    } 3>&1 | { head -c 1000000; cat >/dev/null; })
  } 4>&1
  printf 'said\0%s\0' "$said"
done
printf 'end\0'
