package agent

import (
	"os"
	"path/filepath"
	"strings"

	"standin/sys"
)

// udevData is where udev keeps what it knows of each device, for everyone to read.
const udevData = "/run/udev/data"

// findVolume reads the devices themselves, and asks udev where that is only for root.
func findVolume(label string) (sys.Volume, bool) {
	if volume, found := sys.FindVolume(label); found {
		return volume, true
	}
	return udevVolume("/sys", udevData, label)
}

func udevVolume(sysfs, data, label string) (sys.Volume, bool) {
	records, _ := filepath.Glob(filepath.Join(data, "b*"))
	for _, record := range records {
		values := udevRecord(record)
		if values["ID_FS_LABEL"] != label {
			continue
		}
		numbers := strings.TrimPrefix(filepath.Base(record), "b")
		link, err := os.Readlink(filepath.Join(sysfs, "dev/block", numbers))
		if err != nil || strings.HasPrefix(filepath.Base(link), "loop") {
			continue
		}
		return sys.Volume{Device: filepath.Join("/dev", filepath.Base(link)), Type: values["ID_FS_TYPE"], Label: label}, true
	}
	return sys.Volume{}, false
}

// udevRecord reads the E: lines of a record.
func udevRecord(path string) map[string]string {
	values := map[string]string{}
	data, _ := os.ReadFile(path)
	for _, line := range strings.Split(string(data), "\n") {
		if entry, found := strings.CutPrefix(line, "E:"); found {
			name, value, _ := strings.Cut(entry, "=")
			values[name] = value
		}
	}
	return values
}
