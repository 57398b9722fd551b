package fault

import "fmt"

// WhyNotPlaced is why what is to be copied has no place at its destination.
type WhyNotPlaced string

// The values of WhyNotPlaced.
const (
	ManyToOne      WhyNotPlaced = "several sources, and the destination is no folder"
	NoSuchFolder   WhyNotPlaced = "the destination ends with a slash and is no folder"
	FolderOverFile WhyNotPlaced = "the source is a folder and the destination a file"
	SameName       WhyNotPlaced = "two sources have one name"
)

// NotPlaced says that what is to be copied has no place at its destination.
type NotPlaced struct {
	Source, Destination string
	Why                 WhyNotPlaced
}

func (e *NotPlaced) Error() string {
	return fmt.Sprintf("copying %q to %q: %s", e.Source, e.Destination, e.Why)
}

// NoFile says that a file to be copied is not there, cannot be reached, or is none that can be copied. Detail is the system's
// own word, or what it is. MadeUp is true where the kernel makes it up. Path is on this machine, or in Container of Pod where that
// is set.
type NoFile struct {
	Pod                     *Pod
	Container, Path, Detail string
	MadeUp                  bool
}

func (e *NoFile) Error() string { return fmt.Sprintf("%s: %s", e.Path, e.Detail) }

// Closed says that the target's files are closed to its session. Why and Hint are in a user's words.
type Closed struct {
	Pod       Pod
	Container string
	Why, Hint string
}

func (e *Closed) Error() string { return fmt.Sprintf("the files of %s: %s", e.Pod, e.Why) }

// TooMuch says that what is to be copied is more than the limit, in bytes.
type TooMuch struct{ Bytes, Limit int64 }

func (e *TooMuch) Error() string {
	return fmt.Sprintf("copying %d bytes: more than %d", e.Bytes, e.Limit)
}

// NotWritten says that the destination takes no files. Path is on this machine, or in the container of Pod where that is set.
type NotWritten struct {
	Pod   *Pod
	Path  string
	Cause error
	// Writable are folders of the container that may be written to.
	Writable []string
}

func (e *NotWritten) Error() string { return fmt.Sprintf("writing to %q: %v", e.Path, e.Cause) }

// Unwrap returns the cause.
func (e *NotWritten) Unwrap() error { return e.Cause }

// NoRoom says that what is to be copied to a folder of the target is more than there is room for, in bytes, and what says so.
// Used is how much of a limit is in use as far as that is known.
type NoRoom struct {
	Path, Says        string
	Bytes, Room, Used int64
}

func (e *NoRoom) Error() string {
	return fmt.Sprintf("copying %d bytes to %q: room for %d: %s", e.Bytes, e.Path, e.Room, e.Says)
}

// CopyTrouble is why a file was not copied, or not as it should be.
type CopyTrouble string

// The values of CopyTrouble. A Special file is no file that can be copied: a socket, pipe or device, or one that the kernel
// makes up. What has Changed is there, in one of its states.
const (
	Unreadable CopyTrouble = "unreadable"
	Special    CopyTrouble = "special"
	Vanished   CopyTrouble = "vanished"
	Changed    CopyTrouble = "changed"
	Unwritable CopyTrouble = "unwritable"
	Missing    CopyTrouble = "missing"
)

// NotCopied is one file that was not copied, or not as it should be. Detail is the system's own word, or what changed.
type NotCopied struct {
	Path    string
	Trouble CopyTrouble
	Detail  string
}

// Incomplete says that not all was copied. Cause is what ended the copy before its end, nil where it came to that. Files were
// copied of All.
type Incomplete struct {
	Files, All int
	Troubles   []NotCopied
	Cause      error
}

func (e *Incomplete) Error() string {
	return fmt.Sprintf("%d of %d files were copied, %d troubles: %v", e.Files, e.All, len(e.Troubles), e.Cause)
}

// Unwrap returns the cause.
func (e *Incomplete) Unwrap() error { return e.Cause }
