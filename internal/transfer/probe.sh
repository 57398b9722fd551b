# shellcheck shell=sh disable=SC2154
# probe PATH: what there is where PATH of the target leads: its real path below /, NUL, then a line: folder, file or absent; the
# same of the folder it is in; and, from the nearer of the two that is a folder, how many KiB are free.
cd / || exit
case $1 in /*) p=$1 ;; *) p=/proc/self/cwd/$1 ;; esac
inside "$p"
w=${w#/} w=${w%/}
kind() { if [ -d "$1" ]; then k=folder; elif [ -e "$1" ]; then k='file'; else k=absent; fi; }
kind "$w"
is=$k
kind "${w%/*}"
[ "$is" = folder ] && d=$w || d=${w%/*}
free=$(df -P -k "$d" 2>/dev/null | { read -r _; read -r _ _ _ free _; echo "$free"; })
printf '%s\0%s %s %s\n' "$w" "$is" "$k" "${free:--1}"
