// Package account edits passwd, group, shadow and gshadow in place of the
// useradd family, which costs a second a user under emulation.
package account

import (
	"os"
	"path/filepath"
	"strings"

	"standin/sys"
)

// table is one colon-separated account file.
type table struct {
	path string
	mode os.FileMode
	rows [][]string
}

func readTable(path string, mode os.FileMode) (*table, error) {
	data, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	result := &table{path: path, mode: mode}
	if info, err := os.Stat(path); err == nil {
		result.mode = info.Mode().Perm()
	}
	for _, line := range strings.Split(string(data), "\n") {
		if line != "" {
			result.rows = append(result.rows, strings.Split(line, ":"))
		}
	}
	return result, nil
}

// find returns the row whose first field is the name, nil if there is none.
func (t *table) find(name string) []string {
	for _, row := range t.rows {
		if row[0] == name {
			return row
		}
	}
	return nil
}

// put replaces the row of the same name, or appends it.
func (t *table) put(row []string) {
	for index := range t.rows {
		if t.rows[index][0] == row[0] {
			t.rows[index] = row
			return
		}
	}
	t.rows = append(t.rows, row)
}

func (t *table) write() error {
	var text strings.Builder
	for _, row := range t.rows {
		text.WriteString(strings.Join(row, ":") + "\n")
	}
	owner, known := ownerOf(t.path)
	if err := sys.WriteFile(t.path, []byte(text.String()), t.mode); err != nil {
		return err
	}
	if !known {
		return nil
	}
	return os.Chown(t.path, owner.uid, owner.gid)
}

// Database is the set of account files below a root.
type Database struct {
	root                           string
	passwd, group, shadow, gshadow *table
}

// Open reads the account files below a root directory.
func Open(root string) (*Database, error) {
	database := &Database{root: root}
	for _, file := range []struct {
		name  string
		mode  os.FileMode
		table **table
	}{
		{"passwd", 0o644, &database.passwd}, {"group", 0o644, &database.group},
		{"shadow", 0o640, &database.shadow}, {"gshadow", 0o640, &database.gshadow},
	} {
		read, err := readTable(filepath.Join(root, "etc", file.name), file.mode)
		if err != nil {
			return nil, err
		}
		*file.table = read
	}
	return database, nil
}

// Save writes all four files.
func (d *Database) Save() error {
	for _, file := range []*table{d.group, d.gshadow, d.passwd, d.shadow} {
		if err := file.write(); err != nil {
			return err
		}
	}
	return nil
}
