// Package grubenv reads and writes GRUB environment blocks, as grub-editenv
// does: 1024 bytes, a first line, name=value lines, filled up with '#'.
package grubenv

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

const (
	header = "# GRUB Environment Block\n"
	size   = 1024
)

var (
	escape   = strings.NewReplacer(`\`, `\\`, "\n", "\\\n")
	unescape = strings.NewReplacer(`\\`, `\`, "\\\n", "\n")
)

// Read gives the variables of a block; a file that is not there has none.
func Read(path string) (map[string]string, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return map[string]string{}, nil
	}
	if err != nil {
		return nil, err
	}
	values, err := Parse(string(data))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return values, nil
}

// Parse reads the text of a block.
func Parse(text string) (map[string]string, error) {
	rest, found := strings.CutPrefix(text, header)
	if !found {
		return nil, errors.New("not a GRUB environment block")
	}
	values := map[string]string{}
	for rest != "" && rest[0] != '#' {
		end := lineEnd(rest)
		if end < 0 {
			return nil, errors.New("a line of the GRUB environment block has no end")
		}
		if name, value, found := strings.Cut(rest[:end], "="); found {
			values[name] = unescape.Replace(value)
		}
		rest = rest[end+1:]
	}
	return values, nil
}

// lineEnd finds the first newline without a backslash before it; -1 for none.
func lineEnd(text string) int {
	for index := 0; index < len(text); index++ {
		switch text[index] {
		case '\\':
			index++
		case '\n':
			return index
		}
	}
	return -1
}

// Format makes the text of a block, names sorted.
func Format(values map[string]string) (string, error) {
	names := make([]string, 0, len(values))
	for name := range values {
		if name == "" || strings.ContainsAny(name, "=#\n\\ ") {
			return "", fmt.Errorf("%q cannot name a GRUB variable", name)
		}
		names = append(names, name)
	}
	sort.Strings(names)
	text := header
	for _, name := range names {
		text += name + "=" + escape.Replace(values[name]) + "\n"
	}
	if len(text) > size {
		return "", fmt.Errorf("the GRUB environment block would take %d bytes and has %d", len(text), size)
	}
	return text + strings.Repeat("#", size-len(text)), nil
}

// Set changes variables of a block, on disk when it returns; an empty value
// removes its variable. A block that stands is written in place, one sector pair,
// as GRUB itself does: GRUB reads no journal, and a file made anew may be known
// to the journal only.
func Set(path string, changes map[string]string) error {
	values, err := Read(path)
	if err != nil {
		return err
	}
	for name, value := range changes {
		if value == "" {
			delete(values, name)
			continue
		}
		values[name] = value
	}
	text, err := Format(values)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return write(path, text)
}

func write(path, text string) error {
	info, err := os.Stat(path)
	if err == nil && info.Size() == size {
		return writeSynced(path, text, os.O_WRONLY)
	}
	temp := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".new")
	if err := writeSynced(temp, text, os.O_WRONLY|os.O_CREATE|os.O_TRUNC); err != nil {
		return err
	}
	if err := os.Rename(temp, path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}

func writeSynced(path, text string, flags int) error {
	file, err := os.OpenFile(path, flags, 0o644)
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := file.WriteString(text); err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return err
	}
	return file.Close()
}
