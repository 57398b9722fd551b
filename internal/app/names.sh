# shellcheck shell=sh disable=SC2012,SC2154
# names FOLDER: the names in a folder of the target, one a line, those of folders with a slash at the end. A relative one is
# from its working directory.
cd / || exit
case $1 in /*) p=$1 ;; *) p=/proc/self/cwd/$1 ;; esac
inside "$p"
ls -1Ap -- "${w%/}/" | head -c 65536
