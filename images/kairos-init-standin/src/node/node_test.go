package node

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRecordKeepsWhatIsNotChanged(t *testing.T) {
	dir := t.TempDir()
	change := func(set func(*Record, string)) {
		if err := Note(dir, set); err != nil {
			t.Fatal(err)
		}
	}
	change(func(record *Record, now string) {
		record.FirstInstall, record.FirstInstallSource = now, "dir:///run/rootfsbase"
	})
	change(func(record *Record, now string) { record.LastActiveUpgrade, record.LastActiveSource = now, "oci://h/a" })
	data, err := os.ReadFile(filepath.Join(dir, StateFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"first-install: \"2", "first-install-source: dir:///run/rootfsbase\n", "last-active-source: oci://h/a\n", "last-reset: never\n"} {
		if !strings.Contains(string(data), want) {
			t.Errorf("no %q in\n%s", want, data)
		}
	}
}

func TestRecordThatCannotBeReadIsMadeAnew(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, StateFile), []byte("\x00["), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Note(dir, func(record *Record, now string) { record.LastReset = now }); err != nil {
		t.Error(err)
	}
}

func TestHooksFailOnlyWhenStrict(t *testing.T) {
	broken := errors.New("a step failed")
	var told strings.Builder
	if err := (Hooks{Out: &told}).judge("before-upgrade", broken); err != nil || !strings.Contains(told.String(), "before-upgrade") {
		t.Errorf("%v %q", err, told.String())
	}
	if err := (Hooks{Out: &told, Strict: true}).judge("before-upgrade", broken); !errors.Is(err, broken) {
		t.Error("a strict configuration went on")
	}
}

func TestHooksFindTheStepsOfTheirDirectory(t *testing.T) {
	dir := t.TempDir()
	text := "#cloud-config\nstages:\n  before-install:\n    - commands: [touch " + filepath.Join(dir, "done") + "]\n"
	if err := os.WriteFile(filepath.Join(dir, "config.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var told strings.Builder
	if err := (Hooks{Dirs: []string{dir}, Out: &told, Strict: true}).Run("before-install"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "done")); err != nil || !strings.Contains(told.String(), "Running before-install hook") {
		t.Errorf("%v\n%s", err, told.String())
	}
}

func TestOnlyOneAtATime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	err := exclusive(path, func() error { return exclusive(path, func() error { return nil }) })
	if !errors.Is(err, ErrBusy) {
		t.Errorf("two ran at once: %v", err)
	}
	if err := exclusive(path, func() error { return nil }); err != nil {
		t.Errorf("after the first ended: %v", err)
	}
}
