// Command standin plays kairos-init, kairos-agent and immucore where the real
// ones cannot be had; the name it is called by decides which.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"standin/agent"
	"standin/brand"
	"standin/immucore"
	"standin/k0s"
	"standin/kinit"
)

func main() {
	// The kernel starts the initrd's first process without one.
	if os.Getenv("PATH") == "" {
		os.Setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
	}
	os.Exit(dispatch(filepath.Base(os.Args[0]), os.Args[1:]))
}

func dispatch(name string, args []string) int {
	switch name {
	case "kairos-agent":
		return agent.Main(args)
	case "immucore":
		return immucore.Main(args)
	case "init":
		return immucore.Init(args)
	case "kairos-init":
		return kinit.Main(args)
	}
	if len(args) == 0 {
		fmt.Fprintf(os.Stderr, "%s: call it as kairos-init, kairos-agent or immucore, or name one as first word (agent, immucore, init)\n", brand.Name)
		return 2
	}
	return subcommand(args[0], args[1:])
}

func subcommand(word string, args []string) int {
	switch word {
	case "agent", "kairos-agent":
		return agent.Main(args)
	case "immucore":
		return immucore.Main(args)
	case "init", "kairos-init":
		return kinit.Main(args)
	case "k0s":
		return k0s.Main(args)
	}
	fmt.Fprintf(os.Stderr, "%s: unknown word %q; known: agent, immucore, init, k0s\n", brand.Name, word)
	return 2
}
