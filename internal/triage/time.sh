# shellcheck shell=sh disable=SC2154
# The node's clock, as every container has it, and the time zone that the target is told and finds.
block now
date +%s
block program
readlink "/proc/$TPID/exe" | head -c 4096
block zone
zone=$(tr '\n\0' ' \n' <"/proc/$TPID/environ" | sed -n 's/^TZ=//p' | head -n 1 | head -c 200)
echo "$zone"
block files
zone=${zone#:}
for f in /etc/localtime /usr/share/zoneinfo "/usr/share/zoneinfo/${zone:-UTC}"; do
  inside "$f"
  [ ! -e "$w" ] || echo "$f"
done
