package stage

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"standin/cloudconfig"
)

// run writes one config whose @ is a scratch directory, and runs stage boot of it.
func run(t *testing.T, text string) (dir, log string, err error) {
	t.Helper()
	dir = t.TempDir()
	text = "#cloud-config\nstages:\n" + strings.ReplaceAll(text, "@", dir)
	if err := os.WriteFile(filepath.Join(dir, "config.yaml"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	runner := Runner{Dirs: []string{dir}, Log: &out, Chrooted: true}
	err = runner.Run("boot")
	return dir, out.String(), err
}

func read(t *testing.T, dir, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestPartsRunInOrder(t *testing.T) {
	dir, _, err := run(t, `
  boot.after: [{commands: ["echo after >> @/log"]}]
  boot: [{commands: ["echo boot >> @/log"]}]
  boot.before: [{commands: ["echo before >> @/log"]}]
`)
	if err != nil || read(t, dir, "log") != "before\nboot\nafter\n" {
		t.Errorf("%v %q", err, read(t, dir, "log"))
	}
}

// files runs stage boot of several configs by name, each a list of commands; an
// empty one has nothing for the stage.
func files(t *testing.T, commands map[string]string) string {
	t.Helper()
	dir, configs := t.TempDir(), t.TempDir()
	for name, command := range commands {
		text := "#cloud-config\nname: x\n"
		if command != "" {
			text = "#cloud-config\nstages:\n  boot: [{commands: ['" + strings.ReplaceAll(command, "@", dir) + "']}]\n"
		}
		if err := os.WriteFile(filepath.Join(configs, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	runner := Runner{Dirs: []string{configs}, Log: &strings.Builder{}, Chrooted: true}
	if err := runner.Run("boot"); err != nil {
		t.Error(err)
	}
	return dir
}

func TestNeighboursGoInOrder(t *testing.T) {
	dir := files(t, map[string]string{
		"10.yaml": "sleep 0.2; echo 10 >> @/log",
		"20.yaml": "echo 20 >> @/log",
		"30.yaml": "echo 30 >> @/log",
	})
	if found := read(t, dir, "log"); found != "10\n20\n30\n" {
		t.Errorf("%q", found)
	}
}

func TestAFileWithoutTheStageEndsTheOrder(t *testing.T) {
	// Each waits for the other: one after another they never end well.
	wait := "touch @/here.%; for i in $(seq 100); do [ -e @/here.= ] && exit 0; sleep 0.05; done; exit 1"
	dir := files(t, map[string]string{
		"10.yaml": strings.NewReplacer("%", "10", "=", "30").Replace(wait),
		"20.yaml": "",
		"30.yaml": strings.NewReplacer("%", "30", "=", "10").Replace(wait),
	})
	read(t, dir, "here.30")
}

func TestADirectoryWaitsForTheOneBefore(t *testing.T) {
	out, first, second := t.TempDir(), t.TempDir(), t.TempDir()
	for dir, command := range map[string]string{first: "sleep 0.2; echo 1", second: "echo 2"} {
		text := "#cloud-config\nstages:\n  boot: [{commands: ['" + command + " >> " + out + "/log']}]\n"
		if err := os.WriteFile(filepath.Join(dir, "10.yaml"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	runner := Runner{Dirs: []string{first, second}, Log: &strings.Builder{}, Chrooted: true}
	if err := runner.Run("boot"); err != nil || read(t, out, "log") != "1\n2\n" {
		t.Errorf("%v %q", err, read(t, out, "log"))
	}
}

func TestFalseConditionSkipsTheStep(t *testing.T) {
	dir, _, err := run(t, `
  boot:
    - {if: '[ -e /no/such ]', commands: ["touch @/no"]}
    - {if: '[ -e / ]', commands: ["touch @/yes"]}
`)
	if err != nil {
		t.Fatal(err)
	}
	if _, missing := os.Stat(filepath.Join(dir, "no")); missing == nil {
		t.Error("the step with a false condition ran")
	}
	read(t, dir, "yes")
}

func TestFailedStepDoesNotStopTheNext(t *testing.T) {
	dir, log, err := run(t, `
  boot:
    - {name: bad, commands: ["exit 3"]}
    - {name: good, commands: ["touch @/good"]}
`)
	if err == nil || !strings.Contains(log, `boot[0] "bad"`) {
		t.Errorf("%v\n%s", err, log)
	}
	read(t, dir, "good")
}

func TestUnknownKeyIsWarnedOfInTheLog(t *testing.T) {
	_, log, err := run(t, "  boot: [{name: x, comands: [a]}]\n")
	if err != nil || !strings.Contains(log, `unknown step key "comands"`) {
		t.Errorf("%v\n%s", err, log)
	}
}

func TestEnvironmentIsMerged(t *testing.T) {
	dir, _, err := run(t, `
  boot:
    - {environment_file: "@/env", environment: {A: "1", B: two words}}
    - {environment_file: "@/env", environment: {A: "2"}}
`)
	if got := read(t, dir, "env"); err != nil || got != "A=2\nB=\"two words\"\n" {
		t.Errorf("%v %q", err, got)
	}
}

func TestResolverIsWritten(t *testing.T) {
	dir, log, err := run(t, `
  boot:
    - {dns: {search: [a.example, b.example], nameservers: [192.0.2.1, 192.0.2.2], options: [rotate], path: "@/resolv.conf"}}
    - {dns: {search: [of.nobody]}}
`)
	want := "search a.example b.example\nnameserver 192.0.2.1\nnameserver 192.0.2.2\noptions rotate\n"
	if got := read(t, dir, "resolv.conf"); err != nil || got != want || strings.Contains(log, "warning") {
		t.Errorf("%v %q\n%s", err, got, log)
	}
}

func TestTimesyncdIsMerged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "timesyncd.conf.d/10-yip.conf")
	runner := Runner{Log: &strings.Builder{}}
	for _, values := range []map[string]string{{"NTP": "a.example", "FallbackNTP": "c.example"}, {"NTP": "b.example"}, nil} {
		if err := runner.timesyncd(path, values); err != nil {
			t.Fatal(err)
		}
	}
	if got := read(t, filepath.Dir(path), "10-yip.conf"); got != "[Time]\nFallbackNTP=c.example\nNTP=b.example\n" {
		t.Errorf("got %q", got)
	}
}

func TestTemplates(t *testing.T) {
	var log strings.Builder
	runner := Runner{Log: &log}
	if got := runner.fill(`{{ trunc 3 "abcdef" }}`); got != "abc" {
		t.Errorf("got %q", got)
	}
	// Known in the template of a host name alone; elsewhere it stays as it is, as with yip.
	if got := runner.fill("{{ trunc 4 .MachineID }}"); got != "{{ trunc 4 .MachineID }}" {
		t.Errorf("got %q", got)
	}
	if got := runner.fillName("node-{{ trunc 4 .Random }}"); len(got) != len("node-1234") {
		t.Errorf("got %q", got)
	}
	if name, _ := os.Hostname(); runner.fill("{{ .Values.node.hostname }}") != name {
		t.Errorf("got %q, want %q", runner.fill("{{ .Values.node.hostname }}"), name)
	}
	if got := runner.fill("{{ nosuch }}"); got != "{{ nosuch }}" || !strings.Contains(log.String(), "warning") {
		t.Errorf("got %q, log %q", got, log.String())
	}
}

func TestEncodings(t *testing.T) {
	if got, err := decode("aGk=", "b64"); err != nil || string(got) != "hi" {
		t.Errorf("%q %v", got, err)
	}
	if _, err := decode("x", "rot13"); err == nil {
		t.Error("an unknown encoding was accepted")
	}
}

func TestKeysAreAddedOnce(t *testing.T) {
	merged, err := mergeKeys("ssh-ed25519 A a\n", []string{"ssh-ed25519 A a", "ssh-ed25519 B b", "github:someone"})
	if merged != "ssh-ed25519 A a\nssh-ed25519 B b\n" || err == nil {
		t.Errorf("%q %v", merged, err)
	}
}

func TestRelativePathIsRefused(t *testing.T) {
	runner := Runner{Log: &strings.Builder{}}
	if runner.file(cloudconfig.File{Path: "etc/x"}) == nil {
		t.Error("a relative path was accepted")
	}
}
