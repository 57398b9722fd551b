# shellcheck shell=sh disable=SC2154
# config PATH…: the files that ConfigMaps and Secrets are mounted as, by name, size and age, and whether they can be read; and
# the names of the variables of the target's environment. Neither content nor a value is printed.
block now
date +%s
cat /proc/uptime
cat "/proc/$TPID/stat"
for path; do
  block "mount $path"
  inside "$path"
  if [ -d "$w" ]; then cd "$w" && set -- * .[!.]* */* */*/* # of a path in a source's items, too
  else cd "${w%/*}" && set -- "${w##*/}"; fi || continue
  for f; do
    case $f in ..*) continue ;; esac
    [ -f "$f" ] || continue
    can=r
    { true <"$f"; } 2>/dev/null || can=-
    stat -L -c "$can %s %Y %n" "$f"
  done
done
cd /
block environment
# Line ends within a value are taken out first, so that no part of one looks like a name.
tr '\n\0' ' \n' <"/proc/$TPID/environ" | sed -n 's/^\([A-Za-z_][A-Za-z0-9_.-]*\)=.*/\1/p' | head -c 524288
