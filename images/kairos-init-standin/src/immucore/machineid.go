package immucore

import (
	"crypto/rand"
	"encoding/hex"
	"os"
	"strings"

	"standin/sys"
)

// EnsureMachineID gives a node without a machine-id a random one; it is made
// before systemd starts, for the default hostname is made from it.
func EnsureMachineID(path string) error {
	old, err := os.ReadFile(path)
	if err == nil && len(strings.TrimSpace(string(old))) == 32 {
		return nil
	}
	id := make([]byte, 16)
	if _, err := rand.Read(id); err != nil {
		return err
	}
	// Version 4 and variant bits, as sd-id128 sets them.
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	return sys.WriteFile(path, []byte(hex.EncodeToString(id)+"\n"), 0o444)
}
