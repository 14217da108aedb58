package immucore

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"unsafe"
)

// modules loads kernel modules without kmod, by the tables that depmod wrote.
type modules struct {
	dir     string
	paths   map[string]string
	needs   map[string][]string
	loaded  map[string]bool
	aliases []alias         // read when the first device is asked about
	asked   map[string]bool // names of devices whose modules were loaded
}

func openModules() (*modules, error) {
	dir := filepath.Join("/usr/lib/modules", kernelRelease())
	table, err := os.ReadFile(filepath.Join(dir, "modules.dep"))
	if err != nil {
		return nil, err
	}
	return parseModules(dir, string(table)), nil
}

// kernelRelease is what uname -r says.
func kernelRelease() string {
	data, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	return strings.TrimSpace(string(data))
}

func parseModules(dir, table string) *modules {
	result := &modules{dir: dir, paths: map[string]string{}, needs: map[string][]string{}, loaded: map[string]bool{}}
	for _, line := range strings.Split(table, "\n") {
		path, needs, found := strings.Cut(line, ":")
		if !found {
			continue
		}
		name := moduleName(path)
		result.paths[name] = path
		for _, need := range strings.Fields(needs) {
			result.needs[name] = append(result.needs[name], moduleName(need))
		}
	}
	return result
}

// moduleName is a file's name without endings, with the kernel's underscores.
func moduleName(path string) string {
	name, _, _ := strings.Cut(filepath.Base(path), ".ko")
	return strings.ReplaceAll(name, "-", "_")
}

// load inserts modules after those they need; one that is not there is taken
// for built in, as modules.dep does not list it.
func (m *modules) load(names ...string) error {
	for _, name := range names {
		if err := m.loadOne(name); err != nil {
			return err
		}
	}
	return nil
}

func (m *modules) loadOne(name string) error {
	path, known := m.paths[name]
	if !known || m.loaded[name] {
		return nil
	}
	// depmod lists the nearest need first, so the farthest is inserted first.
	needs := m.needs[name]
	for index := len(needs) - 1; index >= 0; index-- {
		if err := m.loadOne(needs[index]); err != nil {
			return err
		}
	}
	m.loaded[name] = true
	if err := insert(filepath.Join(m.dir, path)); err != nil && !errors.Is(err, syscall.EEXIST) {
		return fmt.Errorf("module %s: %w", name, err)
	}
	return nil
}

const (
	sysFinitModule = 313 // x86-64
	compressed     = 4   // MODULE_INIT_COMPRESSED_FILE: the kernel unpacks it
)

func insert(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	flags := uintptr(0)
	if !strings.HasSuffix(path, ".ko") {
		flags = compressed
	}
	parameters := []byte{0}
	_, _, code := syscall.Syscall(sysFinitModule, file.Fd(), uintptr(unsafe.Pointer(&parameters[0])), flags)
	if code != 0 {
		return code
	}
	return nil
}
