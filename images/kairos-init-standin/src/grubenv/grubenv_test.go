package grubenv

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestFormatAndParseAreInverse(t *testing.T) {
	want := map[string]string{"next_entry": "fallback", "extra_cmdline": "a=b c", "odd": "back\\slash\nline", "empty": ""}
	text, err := Format(want)
	if err != nil || len(text) != 1024 || !strings.HasPrefix(text, "# GRUB Environment Block\n") {
		t.Fatalf("%d bytes, %v", len(text), err)
	}
	if got, err := Parse(text); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v %v, want %v", got, err, want)
	}
}

func TestParseRefusesWhatIsNoBlock(t *testing.T) {
	for _, text := range []string{"", "next_entry=cos\n", header + "a=b"} {
		if _, err := Parse(text); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}

func TestFormatRefusesBadNamesAndTooMuch(t *testing.T) {
	for _, values := range []map[string]string{{"a=b": "1"}, {"": "1"}, {"a": strings.Repeat("x", 1000)}} {
		if _, err := Format(values); err == nil {
			t.Errorf("%v was taken", values)
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
