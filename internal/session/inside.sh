# shellcheck shell=sh disable=SC2034,SC2154
# How the files of the target are found, for a session and for what other parts of the program run in one (ours.go). T is the
# target's root, TPID its process, id its container.

# names FILE WORD: does a line of FILE contain WORD?
names() {
  while IFS= read -r x || [ -n "$x" ]; do
    case $x in *"$2"*) return 0 ;; esac
  done <"$1"
  return 1
} 2>/dev/null

# inside PATH: w is the file PATH of the target. Links are followed one by one below the target's root, since an absolute
# one would lead the kernel to a file of the debug image. What lies in /proc is left to the kernel, since there a link is no
# text; but for the root and the working directory of a process, which are the target's or out of bounds.
under() {
  case $name in root | cwd) ;; *) w=$w/$name; return ;; esac
  if ! names "/proc/${1%%/*}/cgroup" "$id"; then w='/proc/0/outside of the target' todo='' slash=''; return; fi
  [ "$name" = root ] || todo=$(readlink -n "/proc/${1%%/*}/cwd")${todo:+/$todo}
  w=$T
}
inside() {
  todo=$1 w=$T links=0
  case $1 in */) slash=/ ;; *) slash='' ;; esac
  while [ -n "$todo" ]; do
    name=${todo%%/*}
    case $todo in */*) todo=${todo#*/} ;; *) todo='' ;; esac
    case $name in
      '' | .) continue ;;
      ..) [ "$w" = "$T" ] || w=${w%/*}; continue ;;
    esac
    case $w in
      "$T/proc") case $name in self) name=$TPID ;; thread-self) name=$TPID/task/$TPID ;; esac; w=$w/$name; continue ;;
      "$T/proc/"*) under "${w#"$T/proc/"}"; continue ;;
    esac
    if [ -L "$w/$name" ]; then
      links=$((links + 1))
      [ $links -le 40 ] || { w='/proc/0/too many symbolic links' slash=''; break; }
      to=$(readlink -n "$w/$name"; echo .)
      to=${to%.}
      case $to in /*) w=$T ;; esac
      todo=$to${todo:+/$todo}
    else w=$w/$name; fi
  done
  w=$w$slash
}
