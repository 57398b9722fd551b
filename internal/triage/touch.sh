# shellcheck shell=sh disable=SC2012,SC2034,SC2086,SC2154,SC3045
# What the scripts of topics that touch the target share. What is established of a process is its own file that is executed,
# by what stands in it: a name tells nothing.
ulimit -v 16384 2>/dev/null

# began PID: began is when it started, in ticks since the machine did. Its name, before the last ")", may have any letter.
began() {
  began=$(tr '\n' ' ' <"/proc/$1/stat")
  set -- ${began##*) }
  began=${20-}
}

# caught PID: caught are the signals that it has a handler for, as 16 hexadecimal digits.
caught() {
  caught=
  while read -r key value; do
    [ "$key" != SigCgt: ] || caught=$value
  done <"/proc/$1/status"
}

# catches PID QUIT|USR1: does it? One that does not would die of the signal (bit 2 or 9 of SigCgt, proc_pid_status(5)).
catches() {
  caught "$1"
  case $2:$caught in QUIT:*[4567cdef] | USR1:*[2367abef]??) return 0 ;; esac
  return 1
}

# same PID BEGAN EXE: is it still the process that was looked at, of the target, and does it still execute that file?
same() {
  names "/proc/$1/cgroup" "$id" || return 1
  began "$1"
  [ "$began" = "$2" ] && [ "$(readlink -n "/proc/$1/exe")" = "$3" ]
}

# dispatches PID: has it the thread by which HotSpot takes signals? Its name is cut to 15 letters. With -Xrs there is none, and
# a handler is the program's own.
dispatches() {
  for comm in "/proc/$1/task/"*/comm; do
    read -r name <"$comm" && [ "$name" = 'Signal Dispatch' ] && return 0
  done
  return 1
}

# signal NAME PID BEGAN EXE [dispatches]: sends it, unless that could end the process, or it is none of HotSpot where it must
# be. Nothing stands between the last look and it.
signal() {
  same "$2" "$3" "$4" || { echo 'refused changed'; return 1; }
  [ -z "${5-}" ] || dispatches "$2" || { echo 'refused dispatcher'; return 1; }
  catches "$2" "$1" || { echo 'refused handler'; return 1; }
  kill "-$1" "$2" || { echo 'refused kill'; return 1; }
}

# holds FILE WORD...: does it have each of these in it? One that begins with "=" must be a string of its own, as the name of a
# symbol is: between two NULs, which end a line here.
holds() {
  [ -f "$1" ] && [ -r "$1" ] || return 1
  file=$1
  shift
  for word; do
    case $word in =*) exact=-x ;; *) exact='' ;; esac
    tr '\000' '\n' <"$file" | grep -aqF $exact -e "${word#=}" || return 1
  done
}

# proves KEY FILE WORD...: as holds, and asked only once of each KEY.
proves() {
  key=$1
  shift
  case $proven in *"|+$key|"*) return 0 ;; *"|-$key|"*) return 1 ;; esac
  if holds "$@"; then proven="$proven|+$key|"; else proven="$proven|-$key|"; return 1; fi
}
proven=

# mapped PID NAME: w is the file of that name that it executes code of, as a library.
mapped() {
  lib=$(sed -n 's|^[^/]* r-xp [^/]*\(/.*/'"$2"'[.0-9]*\)$|\1|p' "/proc/$1/maps" | head -n 1)
  w=
  [ -z "$lib" ] || inside "$lib"
}

# about PID: what is to be known of it before it is touched.
about() {
  block process
  began "$1"
  echo "Began: $began"
  cat "/proc/$1/status"
  block exe
  readlink -n "/proc/$1/exe" | head -c 4096
}
