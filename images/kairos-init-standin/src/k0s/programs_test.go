package k0s

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// beside makes a data folder with programs that note how they were called; the first call of the kubelet fails.
func beside(t *testing.T) workerOptions {
	dir := t.TempDir()
	containerdConfig = filepath.Join(dir, "etc", "containerd.toml")
	_ = os.MkdirAll(filepath.Dir(containerdConfig), 0o700)
	options := workerOptions{dataDir: dir, runDir: filepath.Join(dir, "r"), labels: map[string]string{"b": "2", "a": "1"}}
	for name, end := range map[string]string{"containerd": "exec sleep 60", "ctr": "exit 1", "kubelet": "[ -e $0.again ] || { >$0.again; exit 1; }; exec sleep 60"} {
		path := options.program(name)
		_ = os.MkdirAll(filepath.Dir(path), 0o755)
		if err := os.WriteFile(path, []byte("#!/bin/sh\necho \"$@\" >>$0.calls\n"+end+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	_ = os.MkdirAll(filepath.Join(dir, "images"), 0o755)
	_ = os.WriteFile(filepath.Join(dir, "images", "one.tar"), nil, 0o644)
	return options
}

func calls(options workerOptions, name string) []string {
	text, _ := os.ReadFile(options.program(name) + ".calls")
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

func TestAKubeletBesideItIsRunWhenContainerdAnswers(t *testing.T) {
	options := beside(t)
	options.extra = []string{"--protect-kernel-defaults=true"}
	respawn = 10 * time.Millisecond
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- runPrograms(ctx, options, "n", []byte("authority")) }()
	time.Sleep(300 * time.Millisecond)
	if strings.Join(calls(options, "kubelet"), "") != "" {
		t.Error("the kubelet was started before containerd answered")
	}
	_ = os.MkdirAll(filepath.Dir(options.socket()), 0o755)
	listener, err := net.Listen("unix", options.socket())
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	for until := time.Now().Add(20 * time.Second); len(calls(options, "kubelet")) < 2; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatal("the kubelet was not started again")
		}
	}
	stop()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	line := calls(options, "kubelet")[0]
	if !strings.Contains(line, "--node-labels=a=1,b=2 --protect-kernel-defaults=true --hostname-override=n") {
		t.Error(line)
	}
	if got := calls(options, "ctr"); len(got) != 1 || !strings.HasSuffix(got[0], "images import "+filepath.Join(options.dataDir, "images", "one.tar")) {
		t.Error(got)
	}
	if folder, err := os.Stat(filepath.Dir(containerdConfig)); err != nil || folder.Mode().Perm() != 0o755 {
		t.Error(folder, err)
	}
	if text, _ := os.ReadFile(containerdConfig); !strings.HasPrefix(string(text), "# k0s_managed=true\n") {
		t.Errorf("%s", text)
	}
}

func TestContainerdThatDoesNotAnswerIsAnEnd(t *testing.T) {
	options := beside(t)
	answer = 100 * time.Millisecond
	err := runPrograms(context.Background(), options, "n", nil)
	if err == nil || !strings.Contains(err.Error(), "failed to ping containerd") {
		t.Error(err)
	}
}

func TestWithoutAKubeletNothingIsRun(t *testing.T) {
	if options := (workerOptions{dataDir: t.TempDir()}); options.hasPrograms() {
		t.Error("there is no kubelet")
	}
}
