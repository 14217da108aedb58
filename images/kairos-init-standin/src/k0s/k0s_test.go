package k0s

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func token(user, server string) string {
	config := "apiVersion: v1\nkind: Config\ncurrent-context: k0s\nclusters: [{name: k0s, cluster: {server: '" + server +
		"', certificate-authority-data: aGVsbG8=}}]\ncontexts: [{name: k0s, context: {cluster: k0s, user: " + user +
		"}}]\nusers: [{name: " + user + ", user: {token: abcdef.0123456789abcdef}}]\n"
	var packed bytes.Buffer
	writer := gzip.NewWriter(&packed)
	_, _ = writer.Write([]byte(config))
	_ = writer.Close()
	return base64.StdEncoding.EncodeToString(packed.Bytes())
}

func TestATokenIsReadAsK0sReadsIt(t *testing.T) {
	good := token("kubelet-bootstrap", "https://h:6443")
	found, err := readToken(good[:20] + "\r\n" + good[20:] + "\n")
	if err != nil || found.server != "https://h:6443" || found.token != "abcdef.0123456789abcdef" || string(found.authority) != "hello" {
		t.Fatalf("%+v %v", found, err)
	}
	for text, want := range map[string]string{
		" " + good: "failed to decode join token: illegal base64",
		good[:40]:  "failed to decode join token: ",
		"aGVsbG8=": "failed to decode join token: ",
		token("controller-bootstrap", "https://h"): "wrong token type controller-bootstrap, expected type: kubelet-bootstrap",
	} {
		if _, err := readToken(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20s: %v", text, err)
		}
	}
}

func TestArguments(t *testing.T) {
	options, err := parseWorker(strings.Fields("--token-file /t --labels=a=b,c=d --taints=x=y:NoSchedule --debug --profile p --kubelet-extra-args=--hostname-override=N.example"))
	if err != nil || options.tokenFile != "/t" || options.labels["c"] != "d" || options.taints[0] != "x=y:NoSchedule" {
		t.Fatalf("%+v %v", options, err)
	}
	if name, err := options.nodeName(); err != nil || name != "n.example" {
		t.Errorf("%s %v", name, err)
	}
	for line, want := range map[string]string{
		"--nosuch=1":       "unknown flag: --nosuch",
		"--token-file":     "flag needs an argument: --token-file",
		"a b":              "accepts at most 1 arg(s)",
		"a --token-file b": "you can only pass one token argument either as a CLI argument",
	} {
		if _, err := parseWorker(strings.Fields(line)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", line, err)
		}
	}
}

func TestWithoutATokenNothingBegins(t *testing.T) {
	dir := t.TempDir()
	err := bootstrapClient(context.Background(), workerOptions{dataDir: dir}, "n")
	if err == nil || !strings.Contains(err.Error(), "no join token given") {
		t.Error(err)
	}
	for name, want := range map[string]string{"gone": "not found", "empty": "is empty"} {
		path := filepath.Join(dir, name)
		if name == "empty" {
			_ = os.WriteFile(path, nil, 0o600)
		}
		err := bootstrapClient(context.Background(), workerOptions{dataDir: dir, tokenFile: path}, "n")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAKubeletConfigIsTakenAsItIs(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "kubelet.conf"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := bootstrapClient(context.Background(), workerOptions{dataDir: dir, tokenFile: "/nosuch"}, "n"); err != nil {
		t.Error(err)
	}
}

func TestAFailureIsTriedTenTimes(t *testing.T) {
	limits.delay = 0
	count := 0
	err := retried(context.Background(), func() error { count++; return os.ErrInvalid })
	if count != 10 || err != os.ErrInvalid {
		t.Errorf("%d %v", count, err)
	}
}

func TestVersionsAreTheKubelets(t *testing.T) {
	for k0s, want := range map[string]string{"v1.34.2+k0s.0": "v1.34.2+k0s", "v1.34.2": "v1.34.2", "": ""} {
		if got := kubeletVersion(k0s); got != want {
			t.Errorf("%s: %s", k0s, got)
		}
	}
}

func TestInstallMeetsTheUnitOfTheImage(t *testing.T) {
	unitRoot = t.TempDir()
	var called []string
	systemctl := func(words ...string) error { called = append(called, strings.Join(words, " ")); return nil }
	path := filepath.Join(unitRoot, "k0sworker.service")
	if err := os.WriteFile(path, []byte("the image's"), 0o644); err != nil {
		t.Fatal(err)
	}
	err := install(strings.Fields("worker --token-file /etc/k0s.token"), systemctl)
	if err == nil || !strings.Contains(err.Error(), "Init already exists: "+path) || called != nil {
		t.Errorf("%v %v", err, called)
	}
	if text, _ := os.ReadFile(path); string(text) != "the image's" {
		t.Error("the unit was changed")
	}
	if err := install(strings.Fields("worker --force --token-file /etc/k0s.token --labels=a=b --debug"), systemctl); err != nil {
		t.Fatal(err)
	}
	text, _ := os.ReadFile(path)
	if !strings.Contains(string(text), "ExecStart=/usr/bin/k0s worker --debug=true --labels=a=b --token-file=/etc/k0s.token\n") {
		t.Errorf("%s", text)
	}
	if strings.Join(called, ",") != "disable k0sworker.service,enable k0sworker.service,daemon-reload" {
		t.Error(called)
	}
}
