# shellcheck shell=sh disable=SC3045
# MARK [SERVER NAME]...: asks each name server for that name, all at once, for 3 seconds at the most. Each answer is one
# write, so that no other stands in it.
ulimit -v 16384 2>/dev/null
exec </dev/null
mark=$1
shift
ask() {
  read -r from _ </proc/uptime
  said=$(timeout 3 nslookup "$2" "$1" 2>&1 | head -c 1500)
  read -r to _ </proc/uptime
  printf '\n%s ask %s %s\n%s %s\n%s\n' "$mark" "$1" "$2" "$from" "$to" "$said"
}
while [ $# -ge 2 ]; do
  ask "$1" "$2" &
  shift 2
done
wait
exit 0
