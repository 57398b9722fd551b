# shellcheck shell=sh disable=SC2154
# java: which processes run a HotSpot JVM: they execute code of a libjvm that has HotSpot's attach mechanism in it; and which of
# them have the thread that takes its signals.
block first
echo "$TPID"
for p in $pids; do
  mapped "$p" 'libjvm[.]so'
  [ -n "$w" ] || continue
  proves "$w" "$w" =JNI_CreateJavaVM .attach_pid .java_pid || continue
  about "$p"
  ! dispatches "$p" || block dispatcher
done
block unixcat
command -v unixcat
