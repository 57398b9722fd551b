# shellcheck shell=sh disable=SC2015
# send FOLDER STAGE: takes files into FOLDER, a real path below /. The debug image has a program for it
# (images/debug/src/ferry.c). Else they come in portions on standard input. It says "ready md5", how checksums are made. A
# portion is
#   - a line "portion N", a tar archive of N bytes, a line with its checksum: unpacked in STAGE, a new folder in FOLDER, and
#     moved from there, each file by one rename. The answer is "kept", and those that could not be moved, each ended by NUL,
#     and NUL; a file STAGE in a folder says that the folder could not. Or "damaged", and nothing is kept
#   - or a line "folders N" and an archive of folders, which are there and get their mode and time
# "end" ends it. Where it cannot go on the answer is "failed". Why is on standard error. STAGE is removed in any case.
command -v ferry >/dev/null && exec ferry in "/$1"
cd "/$1" || { echo failed; exit 1; }
stage=$2
trap 'rm -rf "$stage"' EXIT
trap 'exit 143' TERM INT HUP
take() {
  { { dd bs=64k iflag=fullblock,count_bytes "count=$1" status=none | tee /proc/self/fd/5 >&6; } 5>&1 | md5sum >&4; } 6>&1
}
# unpack BYTES FOLDER: sum is the checksum of what came, and broken is set where tar could not unpack it. What tar leaves is
# taken in all the same, since the next portion comes after it.
unpack() {
  said=$({ take "$1" | { tar xof - -C "$2" || echo broken; cat >/dev/null; }; } 4>&1)
  sum='' broken=''
  for word in $said; do
    case $word in broken) broken=1 ;; -) ;; *) sum=$word ;; esac
  done
}

# merge SOURCE FOLDER: what is in the one comes into the other. A folder that is not there yet comes as a whole.
merge() (
  from=$1 to=$2
  set --
  for e in "$from"/* "$from"/.[!.]* "$from"/..?*; do
    name=${e##*/}
    if [ -L "$e" ] || [ -f "$e" ]; then
      [ -d "$to/$name" ] && [ ! -L "$to/$name" ] && { echo "$to/$name: a folder is in its place" >&2; continue; }
      set -- "$@" "$e"
    elif [ -d "$e" ]; then
      if [ -L "$to/$name" ] || { [ -e "$to/$name" ] && [ ! -d "$to/$name" ]; }; then
        echo "$to/$name: in its place is something else, which is no folder" >&2
        : >"$e/$stage"
      elif [ -d "$to/$name" ]; then merge "$e" "$to/$name"
      else set -- "$@" "$e"; fi
    fi
  done
  [ $# = 0 ] || mv -f -- "$@" "$to/"
)

{ mkdir "$stage" && rmdir "$stage"; } || { echo failed; exit 1; }
echo "ready md5"
while read -r what n; do
  case $what in
    portion)
      mkdir "$stage" && unpack "$n" "$stage" && read -r want || break
      if [ "$sum" != "$want" ]; then
        rm -rf "$stage"
        echo damaged
        continue
      fi
      [ -z "$broken" ] || break
      merge "$stage" .
      echo kept
      find "$stage" ! -type d -print0
      printf '\0'
      rm -rf "$stage" ;;
    folders)
      unpack "$n" . && read -r want || break
      [ -z "$broken" ] && [ "$sum" = "$want" ] || break
      echo kept
      printf '\0' ;;
    end) exit 0 ;;
    *) break ;;
  esac
done
echo failed
exit 1
