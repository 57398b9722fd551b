# shellcheck shell=sh disable=SC1091,SC2154
# COPY_ENTER [COMMAND…]: what a session in a copy runs: the command, or a shell, where the container works and with its own
# programs before ours. The root of the target is the session's own here, so that $T/etc/x is /etc/x.
dir=${0%/*}
PATH=${MINDEBUG_PATH:+$MINDEBUG_PATH:}$dir/bin
unset MINDEBUG_PATH MINDEBUG_DIR TPID TARGET_PID
. "$dir/COPY_COMMAND"
export PATH TARGET_COMMAND T='' TARGET_ROOT=''
cd "$(readlink -n "$holder/cwd")" 2>/dev/null || cd /
[ $# -eq 0 ] || exec "$@"
exec "$dir/bin/sh"
