# shellcheck shell=sh disable=SC2016,SC2034
# COPY_COMMAND: sets TARGET_COMMAND to what the container would run, quoted for a shell, and holder to the folder in /proc of the
# process that stands in its place. The kubelet gave the command to that process as further arguments, with $(NAME)
# replaced as for the container itself; its own end with "mindebug-target".
line() { x=; { IFS= read -r x <"$1"; } 2>/dev/null; }
line /proc/self/cgroup
cgroup=$x holder=
for p in /proc/1 /proc/[0-9]*; do
  line "$p/cgroup"
  [ "$x" = "$cgroup" ] || continue
  line "$p/cmdline"
  case $x in 'sh-ceval "$MINDEBUG_HOLD"mindebug-hold'*) holder=$p; break ;; esac
done
# quoted: the words of a command line on standard input, which end with a NUL each, each in quotes.
quoted() {
  tr '\0\n' '\n\001' | sed "s/'/'\\\\''/g; s/^/'/; s/\$/'/" | sed "1,/^'mindebug-target'\$/d" | tr '\n\001' ' \n'
}
TARGET_COMMAND=
[ -z "$holder" ] || TARGET_COMMAND=$(quoted <"$holder/cmdline"; echo .)
TARGET_COMMAND=${TARGET_COMMAND%.} TARGET_COMMAND=${TARGET_COMMAND% }
