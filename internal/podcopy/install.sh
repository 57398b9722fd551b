# shellcheck shell=sh
# mindebug-install DIR NAME…: puts BusyBox and the scripts of a copy into the volume at DIR. Each NAME is that of a script's
# file, and of the variable that has its text. One is for people, and becomes a program: run-target.
set -eu
umask 022
dir=$1
shift
mkdir -p "$dir/bin"
if [ -r /usr/share/mindebug/busybox.gz ]; then
  gunzip -c /usr/share/mindebug/busybox.gz >"$dir/bin/busybox"
else
  # Another debug image: its own, if it has one that can be read. BusyBox' shell knows its applets without a path.
  IFS=:
  for at in $PATH; do [ ! -r "$at/busybox" ] || { cat "$at/busybox" >"$dir/bin/busybox"; break; }; done
  unset IFS
  [ -e "$dir/bin/busybox" ] || { echo "this image has no busybox that can be read" >&2; exit 1; }
fi
chmod 0755 "$dir/bin/busybox"
[ -e "$dir/bin/sh" ] || "$dir/bin/busybox" --install -s "$dir/bin"
for name; do
  eval "printf '%s\n' \"\$$name\"" >"$dir/$name"
done
{ printf '#!%s/bin/sh\n' "$dir"; cat "$dir/COPY_START"; } >"$dir/bin/run-target"
chmod 0755 "$dir/bin/run-target"
