package cloudconfig

import (
	"io/fs"
	"os"
	"path/filepath"
	"sort"
)

// SystemDir holds the image's own configs, replaced by every upgrade.
const SystemDir = "/system/oem"

// Dirs are read by the stage runner, in this order.
var Dirs = []string{SystemDir, "/oem", "/usr/local/cloud-config"}

// Load reads all files below the directories under root, each directory in
// lexical path order. A bad file is left out and told of in the errors.
func Load(root string, dirs []string) ([]Document, []error) {
	var documents []Document
	var errors []error
	for _, dir := range dirs {
		for _, path := range YAMLFiles(root, dir) {
			document, err := load(path, dir == SystemDir)
			if err != nil {
				errors = append(errors, err)
				continue
			}
			document.Dir = dir
			documents = append(documents, document)
		}
	}
	return documents, errors
}

func load(path string, system bool) (Document, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Document{}, err
	}
	return Parse(path, string(data), system)
}

// YAMLFiles finds *.yaml and *.yml below a directory of root; a missing one has none.
func YAMLFiles(root, dir string) []string {
	var paths []string
	_ = filepath.WalkDir(filepath.Join(root, dir), func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		if ext := filepath.Ext(path); !entry.IsDir() && (ext == ".yaml" || ext == ".yml") {
			paths = append(paths, path)
		}
		return nil
	})
	sort.Strings(paths)
	return paths
}
