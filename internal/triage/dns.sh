# shellcheck shell=sh disable=SC2154
# dns: the files that a resolver reads, as the target has them, and which C library its first process runs.
for f in resolv.conf hosts nsswitch.conf; do
  inside "/etc/$f"
  if [ -f "$w" ] && [ -r "$w" ]; then
    block "$f"
    head -c 65536 "$w"
  elif [ -e "$w" ]; then block "closed $f"; fi
done
block libc
grep -oE 'libc\.so\.6|libc-2[.0-9]+\.so|ld-musl' "/proc/$TPID/maps" | head -n 1
