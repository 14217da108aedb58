// Package brand holds the name under which the stand-in shows itself and the
// one form in which it refuses.
package brand

import "fmt"

const (
	// Name is printed wherever the program names itself.
	Name = "kairos-init stand-in of imagekit"
	// Version is the stand-in's own version, not that of an image.
	Version = "v0.1.0-standin"
	// Warning belongs beside every version output.
	Warning = "a stand-in for tests, never for production: use Kairos's own kairos-init there"
)

// NotYetError says that the contract knows a thing and the stand-in does not.
type NotYetError struct{ What string }

func (e NotYetError) Error() string { return "not in the stand-in yet: " + e.What }

// NotYet makes a NotYetError from a format.
func NotYet(format string, args ...any) error {
	return NotYetError{What: fmt.Sprintf(format, args...)}
}
