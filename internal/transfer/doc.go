// Package transfer copies files and folders from and to a container, through scripts that run beside it as its own user. The
// rules are those of `cp -a`. What it knows of the container is a Runner; it opens no connection of its own.
package transfer
