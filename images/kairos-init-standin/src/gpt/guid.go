package gpt

import (
	"crypto/sha1"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
)

// GUID is in the mixed byte order in which a table holds it.
type GUID [16]byte

// namespaceURL is RFC 9562's namespace for URLs, in which Kairos names its partitions.
var namespaceURL = [16]byte{0x6b, 0xa7, 0xb8, 0x11, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8}

// NameGUID makes the version 5 UUID of a name: the same for every node.
func NameGUID(name string) GUID {
	sum := sha1.Sum(append(namespaceURL[:], name...))
	var plain [16]byte
	copy(plain[:], sum[:])
	plain[6], plain[8] = plain[6]&0x0f|0x50, plain[8]&0x3f|0x80
	return swap(plain)
}

// MustGUID parses the text form; it panics on a bad one, so it is for constants.
func MustGUID(text string) GUID {
	var plain [16]byte
	if count, err := hex.Decode(plain[:], []byte(strings.ReplaceAll(text, "-", ""))); err != nil || count != 16 {
		panic("not a GUID: " + text)
	}
	return swap(plain)
}

// swap turns the first three fields around; it is its own inverse.
func swap(plain [16]byte) GUID {
	guid := GUID(plain)
	binary.LittleEndian.PutUint32(guid[0:], binary.BigEndian.Uint32(plain[0:]))
	binary.LittleEndian.PutUint16(guid[4:], binary.BigEndian.Uint16(plain[4:]))
	binary.LittleEndian.PutUint16(guid[6:], binary.BigEndian.Uint16(plain[6:]))
	return guid
}

// String is the text form in lower case.
func (g GUID) String() string {
	plain := swap([16]byte(g))
	return fmt.Sprintf("%x-%x-%x-%x-%x", plain[0:4], plain[4:6], plain[6:8], plain[8:10], plain[10:16])
}
