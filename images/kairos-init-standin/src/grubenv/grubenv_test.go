package grubenv

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestBlockRoundTrip(t *testing.T) {
	block := New()
	for _, pair := range [][2]string{{"next_entry", "cos"}, {"extra_cmdline", `a=b\c "d"`}, {"next_entry", ""}, {"two", "x\ny"}} {
		block.Set(pair[0], pair[1])
	}
	data, err := block.Bytes()
	if err != nil || len(data) != Size {
		t.Fatal(len(data), err)
	}
	again, err := Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"next_entry": "", "extra_cmdline": `a=b\c "d"`, "two": "x\ny"} {
		if got, set := again.Get(name); !set || got != want {
			t.Errorf("%s: %q %v, want %q", name, got, set, want)
		}
	}
	again.Unset("two")
	if _, set := again.Get("two"); set {
		t.Error("two is still set")
	}
}

func TestBadBlocks(t *testing.T) {
	if _, err := Parse([]byte("next_entry=cos\n")); err == nil {
		t.Error("a file without signature was read")
	}
	block := New()
	block.Set("long", strings.Repeat("x", Size))
	if _, err := block.Bytes(); !errors.Is(err, ErrFull) {
		t.Errorf("a value too long: %v", err)
	}
	for _, name := range []string{"", "a=b", "a b", "#a", "a\n"} {
		if CheckName(name) == nil {
			t.Errorf("%q was taken as a name", name)
		}
	}
}

func TestSetKeepsOthersAndTheFileItself(t *testing.T) {
	path := filepath.Join(t.TempDir(), "grubenv")
	for _, changes := range []map[string]string{{"a": "1", "next_entry": "cos"}, {"next_entry": "", "b": "2"}} {
		if err := Set(path, changes); err != nil {
			t.Fatal(err)
		}
	}
	before, _ := os.Stat(path)
	if err := Set(path, map[string]string{"b": "3"}); err != nil {
		t.Fatal(err)
	}
	after, _ := os.Stat(path)
	values, err := Read(path)
	if want := map[string]string{"a": "1", "b": "3"}; err != nil || !reflect.DeepEqual(values, want) {
		t.Errorf("got %v %v", values, err)
	}
	if !os.SameFile(before, after) {
		t.Error("a standing block was not written in place")
	}
	if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
}

func TestSetRefusesAForeignFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "grubenv")
	if err := os.WriteFile(path, []byte("something else"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Set(path, map[string]string{"a": "1"}); err == nil {
		t.Error("a file that is no block was overwritten")
	}
}

// The same bytes as GRUB's own tool, where that is installed.
func TestSameBytesAsGrubEditenv(t *testing.T) {
	tool, err := exec.LookPath("grub-editenv")
	if err != nil {
		t.Skip("no grub-editenv here")
	}
	theirs := filepath.Join(t.TempDir(), "theirs")
	ours := filepath.Join(t.TempDir(), "ours")
	if err := exec.Command(tool, theirs, "create").Run(); err != nil {
		t.Fatal(err)
	}
	for _, pair := range [][2]string{{"a", "1"}, {"cmd", `x=y \ z`}, {"a", "longer"}, {"b", "x"}, {"a", "s"}} {
		if err := exec.Command(tool, theirs, "set", pair[0]+"="+pair[1]).Run(); err != nil {
			t.Fatal(err)
		}
		if err := Set(ours, map[string]string{pair[0]: pair[1]}); err != nil {
			t.Fatal(err)
		}
		same(t, theirs, ours)
	}
}

func same(t *testing.T, theirs, ours string) {
	t.Helper()
	left, _ := os.ReadFile(theirs)
	right, _ := os.ReadFile(ours)
	if !bytes.Equal(left, right) {
		t.Fatalf("theirs:\n%s\nours:\n%s", left, right)
	}
}
