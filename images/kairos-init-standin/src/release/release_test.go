package release

import (
	"path/filepath"
	"reflect"
	"testing"
)

func TestRenderSortsAndQuotes(t *testing.T) {
	got := Render(map[string]string{"KAIROS_VERSION": "v2.0.0", "KAIROS_FLAVOR_RELEASE": "13", "A": `say "hi" $x`})
	want := "A=\"say \\\"hi\\\" \\$x\"\nKAIROS_FLAVOR_RELEASE=13\nKAIROS_VERSION=\"v2.0.0\"\n"
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestWriteThenReadGivesTheSameKeys(t *testing.T) {
	keys := map[string]string{"A": `q"u$o\te`, "B": "7", "C": ""}
	path := filepath.Join(t.TempDir(), "release")
	if err := Write(path, keys); err != nil {
		t.Fatal(err)
	}
	if got := Read(path); !reflect.DeepEqual(got, keys) {
		t.Errorf("got %v, want %v", got, keys)
	}
}

func TestParseReadsOsRelease(t *testing.T) {
	got := Parse("# comment\nID=debian\nVERSION_ID=\"13\"\nNAME='Debian GNU/Linux'\n\n")
	want := map[string]string{"ID": "debian", "VERSION_ID": "13", "NAME": "Debian GNU/Linux"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
