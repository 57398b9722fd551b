# shellcheck shell=sh disable=SC1091,SC2154
# run-target [WORD…]: runs what the container would run, $TARGET_COMMAND, with further words if there are any, and says how
# it ended, or why it cannot start. Its exit status is the command's.
dir=${0%/bin/*}
say() { printf 'run-target: %s\n' "$*" >&2; }
[ -n "${TARGET_COMMAND-}" ] || . "$dir/COPY_COMMAND"
if [ -z "$TARGET_COMMAND" ]; then
  say "what this container runs is not known: its spec has no command, and its image's configuration was not read"
  say "set it and run it: export TARGET_COMMAND=\"/path/to/program 'a word'\"; run-target"
  there=
  for f in "${PWD%/}"/* /*; do
    [ ! -f "$f" ] || [ ! -x "$f" ] || there="$there $f"
  done
  [ -z "$there" ] || say "what can be executed in $PWD and in /:$there"
  exit 2
fi
eval "set -- $TARGET_COMMAND"' "$@"'
path=${PATH%":$dir/bin"}

# search NAME: file is the program as execvp(3) would find it.
search() {
  file=
  case $1 in */*) file=$1; return ;; esac
  rest=$path:
  while [ -n "$rest" ]; do
    f=${rest%%:*}/$1 rest=${rest#*:}
    [ ! -f "$f" ] || { file=$f; return; }
  done
}

# bytes OFFSET COUNT: that part of the file in hexadecimal, without spaces.
bytes() { od -An -v -tx1 -j "$1" -N "$2" "$file" 2>/dev/null | tr -d ' \n'; }

# number OFFSET COUNT: a little-endian number in the file.
number() {
  x=$(bytes "$1" "$2") n=
  while [ -n "$x" ]; do n=${x%"${x#??}"}$n x=${x#??}; done
  n=$((0x${n:-0}))
}

# machines: e_machine of the ELF header (elf(5)) by a name that people use.
machine() {
  case $1 in
    3e00) m=x86-64 ;; b700) m=arm64 ;; 0300) m=i386 ;; 2800) m=arm ;; f300) m=riscv64 ;; 1500 | 0015) m=ppc64 ;; 1600 | 0016) m=s390x ;;
    *) m="e_machine 0x$1" ;;
  esac
}

# elf: why the kernel will not start an ELF file, or nothing. The loader is the program header of type 3 (PT_INTERP).
elf() {
  theirs=$(bytes 18 2)
  ours=$(od -An -v -tx1 -j 18 -N 2 "$dir/bin/busybox" | tr -d ' \n')
  case $ours$theirs in
    "$ours$ours" | 3e000300 | b7002800) ;;
    *)
      machine "$theirs" && it=$m && machine "$ours"
      refuse 126 "$file is a program for $it, and this node is $m: exec format error"
      ;;
  esac
  [ "$(bytes 4 2)" = 0201 ] || return 0           # 64 bits, little-endian: others are not read further
  number 32 8 && at=$n
  number 54 2 && size=$n
  number 56 2 && left=$n
  while [ "$left" -gt 0 ]; do
    if [ "$(bytes "$at" 4)" = 03000000 ]; then
      number $((at + 8)) 8 && from=$n
      number $((at + 32)) 8
      loader=$(tail -c +$((from + 1)) "$file" | head -c $((n - 1)))
      [ -e "$loader" ] || refuse 127 "$file is linked dynamically, and the image has no loader $loader: the kernel says \"no such file or directory\" of the loader, not of the program. Link it statically, or use an image that has the libraries"
    fi
    at=$((at + size)) left=$((left - 1))
  done
}

# script: why the kernel will not start a file that begins with #!.
script() {
  IFS= read -r x <"$file"
  cr=$(printf '\r')
  x=${x#'#!'} x=${x#"${x%%[! ]*}"}
  interpreter=${x%% *}
  case $interpreter in
    *"$cr") refuse 127 "the first line of $file ends with a carriage return, as on Windows: the kernel looks for an interpreter of that name" ;;
  esac
  [ -e "$interpreter" ] || refuse 127 "$file is a script, and the image has no $interpreter to run it"
}

refuse() { status=$1; shift; say "$*"; exit "$status"; }

# startable NAME: ends with the reason where the kernel will not start it.
startable() {
  search "$1"
  if [ -z "$file" ]; then refuse 127 "there is no program $1 on PATH ($path)"; fi
  if [ -L "$file" ] && [ ! -e "$file" ]; then refuse 127 "$file is a link to $(readlink "$file"), which is not there"; fi
  [ -e "$file" ] || refuse 127 "there is no file $file in the image or in what is mounted (the folder here is $PWD)"
  [ ! -d "$file" ] || refuse 126 "$file is a folder"
  # shellcheck disable=SC2012
  [ -x "$file" ] || refuse 126 "$file may not be executed by uid $(id -u): $(ls -lnL "$file" | cut -d ' ' -f 1)"
  [ -r "$file" ] || return 0
  case $(bytes 0 4) in
    7f454c46) elf ;;
    2321*) script ;;
    '') refuse 126 "$file is empty: exec format error" ;;
    *) refuse 126 "$file is neither a program nor begins with #!: exec format error" ;;
  esac
}

# killed: how many processes of this container the kernel has ended for want of memory.
killed() {
  k=0
  for f in /sys/fs/cgroup/memory.events /sys/fs/cgroup/memory/memory.oom_control; do
    while read -r key value; do [ "$key" != oom_kill ] || k=$value; done <"$f"
  done 2>/dev/null
}

# meaning: what an exit status says.
meaning() {
  case $status in
    0) return ;;
    126) why='it, or a shell in it, could not execute a program: what it printed says which' ;;
    127) why='it, or a shell in it, did not find a program or a library: what it printed says which' ;;
    129 | 1[3-8]? | 19[0-2])
      signal=$(kill -l $((status - 128)))
      why="SIG${signal#SIG}"
      case $why in
        SIGKILL) why='SIGKILL: killed from outside; the kernel counts no kill for want of memory here' ;;
        SIGSEGV) why='SIGSEGV: it touched memory that is not its own' ;;
        SIGABRT) why='SIGABRT: it ended itself, for instance by a failed assertion' ;;
        SIGILL) why='SIGILL: an instruction that this processor does not have' ;;
        SIGSYS) why='SIGSYS: a system call that seccomp forbids' ;;
      esac
      ;;
    *) why= ;;
  esac
  killed
  [ "$k" = "$before" ] || why="the kernel killed a process for want of memory: the container's limit is too low for it"
  [ -z "$why" ] || why=" ($why)"
}

startable "$1"
killed
before=$k why=''
say "starting $TARGET_COMMAND"
trap : INT QUIT
(
  unset MINDEBUG_SESSION TARGET_COMMAND TARGET_ROOT T HISTFILE PS1
  PATH=$path
  exec "$@"
)
status=$?
meaning
say "it ended with exit status $status$why"
exit $status
