# shellcheck shell=sh disable=SC2034,SC2154,SC3045
# Answers what `inspect` asks about the files of the target: one request a line on standard input, one reply each on standard
# output. A reply is a line of facts, lines of base64, and a line ".". Only what a client asked for is read, as much of it as
# it asked for, and only of files and folders: what could be waited for, or has an effect when it is read, is left alone.
# Nothing is written, and nothing keeps what it reads in memory.
#
#   s PATH                what is at PATH: "KIND MODE UID GID SIZE", then its real path where links led elsewhere
#   r OFFSET LENGTH PATH  that part of a file: "ok", then the bytes
#   l LENGTH PATH         a folder: "ok", then its names, each with a NUL, up to LENGTH bytes
#   p                     the process: "ok", then executable, command line, libraries and a few variables, each a base64
#                         block behind a line ":NAME"
#   u                     "ok KIBIBYTES" that the root file system takes
#   w                     "ok", then ":paths", the topmost that the target may write to, and ":read-only", the mounts that
#                         nobody may, each with a NUL
#
# KIND is f, d, o (other) or - (nothing). In place of "ok" a reply may say "denied" or "kind".
ulimit -v 8192 2>/dev/null
exec 2>/dev/null

# at PATH: w is the file itself. The process's own executable is where the kernel says, whatever became of its name.
at() {
  case $1 in
    /proc/self/exe) w=/proc/$TPID/exe ;;
    *) inside "$1"
      case $w in "$T/proc" | "$T/proc/"* | /proc/0/* | "$T/sys" | "$T/sys/"* | "$T/dev" | "$T/dev/"*) w=/proc/0/left-alone ;; esac ;;
  esac
}

# gone: why is w not there?
gone() {
  up=${w%/*}
  if [ -d "$up" ] && [ ! -x "$up" ]; then echo denied; else echo -; fi
}

about() {
  at "$1"
  if [ -f "$w" ]; then kind=f
  elif [ -d "$w" ]; then kind=d
  elif [ -e "$w" ]; then kind=o
  else gone; return; fi
  echo "$kind $(stat -L -c '%f %u %g %s' "$w")"
  [ "$w" != "$T" ] || w=$T/
  [ "$w" = "$T$1" ] || printf %s "${w#"$T"}" | base64
}

part() {
  offset=${1%% *} path=${1#* }
  length=${path%% *} path=${path#* }
  at "$path"
  if [ ! -f "$w" ]; then if [ -e "$w" ]; then echo kind; else gone; fi; return; fi
  [ -r "$w" ] || { echo denied; return; }
  echo ok
  dd if="$w" bs=32768 iflag=skip_bytes,count_bytes,fullblock skip="$offset" count="$length" | base64
}

list() {
  length=${1%% *}
  at "${1#* }"
  if [ ! -d "$w" ]; then if [ -e "$w" ]; then echo kind; else gone; fi; return; fi
  { [ -r "$w" ] && [ -x "$w" ]; } || { echo denied; return; }
  echo ok
  find "$w/" -mindepth 1 -maxdepth 1 -print0 | head -c "$length" | base64
}

process() {
  [ -r "/proc/$TPID/environ" ] || { echo denied; return; }
  echo ok
  echo :executable; readlink -n "/proc/$TPID/exe" | base64
  echo :words; head -c 4096 "/proc/$TPID/cmdline" | base64
  echo :directory; readlink -n "/proc/$TPID/cwd" | base64
  echo :mapped; head -c 1000000 "/proc/$TPID/maps" | grep -o ' /.*[.]so.*' | uniq | head -c 65536 | base64
  # Of the environment only what tells where files are.
  echo :environment; tr '\0' '\n' <"/proc/$TPID/environ" |
    grep -E '^(PATH|LD_LIBRARY_PATH|SSL_CERT_FILE|SSL_CERT_DIR|JAVA_HOME|NODE_VERSION|PYTHON_VERSION)=' | head -c 16384 | base64
}

usage() {
  used=$(timeout 20 du -skxl "$T/" | { read -r n _; echo "$n"; })
  case $used in '' | *[!0-9]*) echo denied ;; *) echo "ok $used" ;; esac
}

# By the mode of the files and the options of the mounts: BusyBox cannot ask the kernel of many files at once.
writable() {
  uid='' groups=''
  while read -r key a b rest; do
    case $key in
      Uid:) uid=$b ;;
      Gid:) groups=$b ;;
      Groups:) groups="$groups $a $b $rest" ;;
    esac
  done <"/proc/$TPID/status"
  set -- -perm -0002
  if [ "$uid" = 0 ]; then set -- -perm +0777
  else
    for g in $groups; do
      [ $# -gt 300 ] || set -- "$@" -o -group "$g" -perm -0020
    done
    set -- ! -user "$uid" '(' "$@" ')' -o -user "$uid" -perm -0200
  fi
  echo ok
  echo :paths; mounts rw "$@" | head -c 16384 | base64
  echo :read-only; mounts ro | head -c 16384 | base64
}

# mounts rw TESTS…: what passes the tests of find in each mount that can be written to. mounts ro: the other mounts.
mounts() {
  want=$1
  shift
  while read -r _ _ _ _ mount options rest; do
    case $mount in /proc | /proc/* | /sys | /sys/* | /dev | /dev/pts | /dev/mqueue) continue ;; esac
    case $options,${rest##* } in ro,* | *,ro,* | *,ro) is=ro ;; *) is=rw ;; esac
    [ $is = "$want" ] || continue
    mount=$(printf %b "$(printf %s "$mount" | sed 's/\\/\\0/g')"; echo .)
    mount=$T${mount%?}
    if [ $is = ro ]; then printf '%s\0' "$mount"
    else timeout 20 find "$mount" -xdev '(' -type d -o -type f ')' '(' "$@" ')' -print0 -prune; fi
  done <"/proc/$TPID/mountinfo"
}

while IFS= read -r request; do
  case $request in
    s\ *) about "${request#* }" ;;
    r\ *) part "${request#* }" ;;
    l\ *) list "${request#* }" ;;
    p) process ;;
    u) usage ;;
    w) writable ;;
  esac
  echo .
done
