# shellcheck shell=sh disable=SC2154
# COPY_ENV, read with d set to the volume's folder: gives the holder and the sessions their scripts, and our programs before
# those of the image, which may be why it does not start.
export MINDEBUG_DIR="$d" MINDEBUG_PATH="${PATH-}" PATH="$d/bin:${PATH-}"
for file in "$d"/MINDEBUG_*; do
  export "${file##*/}=$(cat "$file")"
done
unset d file
