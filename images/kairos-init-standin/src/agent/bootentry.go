package agent

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"

	"standin/bootmode"
	"standin/install"
	"standin/node"
)

// menus are where entries of the boot menu are written, on COS_STATE.
var menus = []string{"grub/grub.cfg", "grub2/grub.cfg", "grubmenu", "grubcustom"}

var entryID = regexp.MustCompile(`(?m)^\s*menuentry\s.*--id[ =]["']?([A-Za-z0-9_.-]+)`)

// entries lists the ids of the menu of an installed node.
func entries(state string) []string {
	seen := map[string]bool{}
	for _, name := range menus {
		data, err := os.ReadFile(filepath.Join(state, name))
		if err != nil {
			continue
		}
		for _, match := range entryID.FindAllStringSubmatch(string(data), -1) {
			seen[match[1]] = true
		}
	}
	ids := make([]string, 0, len(seen))
	for id := range seen {
		ids = append(ids, id)
	}
	sort.Strings(ids)
	return ids
}

// bootentry chooses the entry of the next boot, and of that only.
func bootentry(args []string, out io.Writer) error {
	set := newFlags("bootentry")
	selected := set.String("select", "", "id of the entry")
	rest, err := parseMixed(set, args)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return fmt.Errorf("bootentry: unexpected %q", rest[0])
	}
	if err := needRoot("bootentry"); err != nil {
		return err
	}
	known, err := installedEntries()
	if err != nil {
		return err
	}
	if *selected == "" {
		_, err := fmt.Fprintln(out, strings.Join(known, "\n"))
		return err
	}
	if err := checkEntry(*selected, known); err != nil {
		return err
	}
	if err := node.SetEnvironment(map[string]string{"next_entry": *selected}); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "Default boot entry set to %s\n", *selected)
	return err
}

func checkEntry(wanted string, known []string) error {
	for _, id := range known {
		if id == wanted {
			return nil
		}
	}
	return fmt.Errorf("no boot entry %q; there are %s", wanted, strings.Join(known, ", "))
}

func installedEntries() ([]string, error) {
	if err := needInstalled("bootentry"); err != nil {
		return nil, err
	}
	mounted, err := node.Readable(install.StateLabel, "/run/cos/bootentry")
	if err != nil {
		return nil, err
	}
	defer mounted.Close()
	return entries(mounted.Point), nil
}

func needInstalled(verb string) error {
	mode := bootmode.FromCommandLine(bootmode.CommandLine())
	if mode == bootmode.Live || mode == bootmode.Unknown {
		return fmt.Errorf("%s is for an installed node; this system was booted as %s", verb, mode)
	}
	return nil
}

// grubedit sets variables of GRUB's environment: grubedit set KEY=VALUE...
func grubedit(args []string, _ io.Writer) error {
	if len(args) < 2 || args[0] != "set" {
		return fmt.Errorf("grubedit: say set KEY=VALUE")
	}
	changes := map[string]string{}
	for _, word := range args[1:] {
		name, value, found := strings.Cut(word, "=")
		if !found {
			return fmt.Errorf("grubedit: %q is not KEY=VALUE", word)
		}
		changes[name] = value
	}
	if err := needRoot("grubedit"); err != nil {
		return err
	}
	if err := needInstalled("grubedit"); err != nil {
		return err
	}
	return node.SetEnvironment(changes)
}
