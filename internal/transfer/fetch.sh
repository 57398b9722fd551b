# shellcheck shell=sh disable=SC2016
# fetch: sends the files whose names, below / and each ended by NUL, come on standard input. The debug image has a program for
# it (images/debug/src/ferry.c). Else they come in portions, each with
#   - a line "portion md5 N": N names of the input, and how the checksum is made
#   - a tar archive of those of them that can be read
#   - a line with the checksum of the archive
#   - a line of stat for each of the names that is still there, and NUL
# and at the end a line "end". A file that breaks off in the archive, as one that shrinks does, ends it all with status 90,
# and nothing comes after it. Why something is not there is said on standard error.
#
# The checksum is made on the way, without reading anything twice: through tee, whose small pieces dd puts together again. tar
# says that it "delayed" its exit where the archive is whole for all that.
cd / || exit
command -v ferry >/dev/null && exec ferry out
exec 7>&1
xargs -0 -r sh -c '
sum() { { tee /proc/self/fd/5 | dd bs=64k iflag=fullblock status=none >&7; } 5>&1 | md5sum >&4; }
echo "portion md5 $#"
said=$( { tar cf - --no-recursion "$@" 2>&3 3>&- 4>&- 7>&- | sum; } 3>&1 4>&1)
errors=${said%"
"*}
case $said in *"
"*) printf "%s\n" "$errors" >&2 ;; *) errors= ;; esac
case $errors in "" | *" previous errors") ;; *) exit 255 ;; esac
echo "${said##*"
"}"
stat -c "%s %y %n" "$@" 2>/dev/null
printf "\0"
' fetch || { [ $? = 124 ] && exit 90; exit; }
echo end
