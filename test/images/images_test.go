package images

import (
	"slices"
	"strings"
	"testing"
)

func TestParseLock(t *testing.T) {
	t.Parallel()
	got, err := ParseLock("# a comment\n\nlibc6 2.36-9 0ab1\n")
	if want := (Locked{"libc6", "2.36-9", "0ab1"}); err != nil || len(got) != 1 || got["libc6"] != want {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
	if got, err := ParseLock("libc6 2.36-9\n"); err == nil {
		t.Errorf("a line without a sum gave %v", got)
	}
}

// TestLock: it has all packages that the images are made from, and no other.
func TestLock(t *testing.T) {
	t.Parallel()
	lock, err := ParseLock(lockText)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for name, locked := range lock {
		names = append(names, name)
		if len(locked.Sum) != 64 {
			t.Errorf("%s has the sum %q", name, locked.Sum)
		}
	}
	slices.Sort(names)
	if want := Packages(); !slices.Equal(names, want) {
		t.Errorf("the lock has\n%v\nand the images want\n%v\n%s", names, want, renew)
	}
}

// TestPackagesThatAreNotOffered: the error says what to do.
func TestPackagesThatAreNotOffered(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := (packages{dir: dir, lock: map[string]Locked{}}).file(t.Context(), "libc6"); err == nil || !strings.Contains(err.Error(), "./test/images/lock") {
		t.Errorf("a package that is not locked: %v", err)
	}
}

func TestEveryImageIsMade(t *testing.T) {
	t.Parallel()
	var told, made []string
	refs := map[string]bool{}
	for i := range All {
		told = append(told, All[i].Name)
		if refs[All[i].Ref] {
			t.Errorf("two images are named %s", All[i].Ref)
		}
		refs[All[i].Ref] = true
	}
	for name := range recipes {
		made = append(made, name)
	}
	slices.Sort(told)
	slices.Sort(made)
	if !slices.Equal(told, made) {
		t.Errorf("the table has\n%v\nand there are recipes for\n%v", told, made)
	}
}

func TestMerged(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"bin": "", "bin/sh": "usr/bin/sh", "lib64/ld.so": "usr/lib64/ld.so", "usr/bin/env": "usr/bin/env", "etc/passwd": "etc/passwd",
		"usr/share/man/man1/sh.1": "", "usr/share/doc/dash/changelog": "", "usr/share/doc/dash/copyright": "usr/share/doc/dash/copyright",
	} {
		if got := merged(name); got != want {
			t.Errorf("merged(%q) = %q, want %q", name, got, want)
		}
	}
}
