# shellcheck shell=sh disable=SC2154
# node: which processes run Node.js with an inspector: their own file, or the libnode that they execute code of, has both.
block first
echo "$TPID"
for p in $pids; do
  mapped "$p" 'libnode[.]so'
  w=${w:-/proc/$p/exe}
  ! proves "$lib$(readlink "/proc/$p/exe")" "$w" =node_module_register 'Debugger listening on' || about "$p"
done
doors tcp tcp6
