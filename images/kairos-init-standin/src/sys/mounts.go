package sys

import (
	"bufio"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Mount is one line of a mountinfo table.
type Mount struct {
	Root    string // of the mount within its file system
	Point   string
	Type    string
	Source  string
	Options []string
}

// ReadOnly tells whether the mount or its file system is read-only.
func (m Mount) ReadOnly() bool {
	for _, option := range m.Options {
		if option == "ro" {
			return true
		}
	}
	return false
}

// Mounts reads the mounts of this process.
func Mounts() ([]Mount, error) {
	file, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	defer file.Close()
	mounts, err := ParseMounts(file)
	for index := range mounts {
		mounts[index].Source = device(mounts[index].Source)
	}
	return mounts, err
}

// device is where a link of /dev/disk leads: a mount is told by the name that it was made with.
func device(source string) string {
	if !strings.HasPrefix(source, "/dev/disk/") {
		return source
	}
	if target, err := filepath.EvalSymlinks(source); err == nil {
		return target
	}
	return source
}

// ParseMounts reads a mountinfo table (proc(5)).
func ParseMounts(table io.Reader) ([]Mount, error) {
	var mounts []Mount
	lines := bufio.NewScanner(table)
	for lines.Scan() {
		left, right, found := strings.Cut(lines.Text(), " - ")
		before, after := strings.Fields(left), strings.Fields(right)
		if !found || len(before) < 6 || len(after) < 2 {
			continue
		}
		mounts = append(mounts, Mount{
			Root:    unescape(before[3]),
			Point:   unescape(before[4]),
			Type:    after[0],
			Source:  unescape(after[1]),
			Options: strings.Split(before[5], ","),
		})
	}
	return mounts, lines.Err()
}

var octal = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)

func unescape(field string) string { return octal.Replace(field) }

// HoldsMount tells whether something is mounted at or below a path.
func HoldsMount(path string) bool {
	mounts, err := Mounts()
	if err != nil {
		return false
	}
	for _, mount := range mounts {
		if mount.Point == path || strings.HasPrefix(mount.Point, path+"/") {
			return true
		}
	}
	return false
}
