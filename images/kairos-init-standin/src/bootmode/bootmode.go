// Package bootmode decides from the kernel command line what kind of boot
// this is; nothing else is asked, as with the real immucore.
package bootmode

import (
	"os"
	"strings"
)

// Mode is a boot state as `kairos-agent state get boot` prints it.
type Mode string

// The boot states of the contract.
const (
	Active    Mode = "active_boot"
	Passive   Mode = "passive_boot"
	Recovery  Mode = "recovery_boot"
	Live      Mode = "livecd_boot"
	AutoReset Mode = "autoreset_boot"
	Unknown   Mode = "unknown"
)

// Sentinel is the file name below /run/cos that marks the mode; none for Unknown.
func (m Mode) Sentinel() string {
	switch m {
	case Active:
		return "active_mode"
	case Passive:
		return "passive_mode"
	case Recovery:
		return "recovery_mode"
	case Live:
		return "live_mode"
	case AutoReset:
		return "autoreset_mode"
	case Unknown:
	}
	return ""
}

// FromCommandLine applies the tests in the order of the real immucore.
func FromCommandLine(line string) Mode {
	tests := []struct {
		mode  Mode
		marks []string
	}{
		{Active, []string{"kairos.ram"}},
		// Trusted boot tells its mode by EFI variables, which the stand-in does not do.
		{Unknown, []string{"rd.immucore.uki"}},
		{AutoReset, []string{"kairos.reset"}},
		{Active, []string{"COS_ACTIVE"}},
		{Passive, []string{"COS_PASSIVE"}},
		{Recovery, []string{"COS_RECOVERY", "COS_SYSTEM", "recovery-mode"}},
		{Live, []string{"live:LABEL", "live:CDLABEL", "netboot"}},
	}
	for _, test := range tests {
		for _, mark := range test.marks {
			if strings.Contains(line, mark) {
				return test.mode
			}
		}
	}
	return Unknown
}

// InRAM tells whether the command line asks for a boot into RAM.
func InRAM(line string) bool { return strings.Contains(line, "kairos.ram") }

// CommandLine reads the running kernel's; empty when it cannot be read.
func CommandLine() string {
	data, err := os.ReadFile("/proc/cmdline")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}
