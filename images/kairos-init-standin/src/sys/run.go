// Package sys starts processes, writes files whole and reads block devices.
package sys

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// Run starts a program with both streams on ours and stdin closed.
func Run(name string, args ...string) error {
	return RunWith(nil, os.Stderr, name, args...)
}

// RunWith starts a program with extra environment and its output on out.
func RunWith(env []string, out io.Writer, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
	}
	return nil
}

// Output starts a program and returns its trimmed standard output.
func Output(name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out)), nil
}

// Feed starts a program with text on its standard input.
func Feed(text, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Stdin = strings.NewReader(text)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// Exists tells whether a path is there, a dangling symlink included.
func Exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
