package bootmode

import "strings"

// Argument gives the last value of a NAME=VALUE word of a command line.
func Argument(line, name string) (string, bool) {
	value, found := "", false
	for _, word := range strings.Fields(line) {
		if rest, ok := strings.CutPrefix(word, name+"="); ok {
			value, found = rest, true
		}
	}
	return value, found
}

// HasWord tells whether a command line has a word, alone or with a value.
func HasWord(line, name string) bool {
	for _, word := range strings.Fields(line) {
		if word == name || strings.HasPrefix(word, name+"=") {
			return true
		}
	}
	return false
}
