// Package k0s is the stand-in's k0s: a worker that joins a cluster as the real
// one does, and runs there what it finds beside it.
package k0s

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"standin/brand"
	"standin/sys"
)

// VersionVariable holds the version that /usr/bin/k0s of an image tells of itself.
const VersionVariable = "K0S_STANDIN_VERSION"

// Main runs one verb: 0 done, 1 failed, as k0s ends.
func Main(args []string) int {
	if len(args) == 1 && args[0] == "version" {
		fmt.Println(os.Getenv(VersionVariable))
		return 0
	}
	if len(args) > 0 && args[0] == "install" {
		if err := install(args[1:], func(words ...string) error { return sys.Run("systemctl", words...) }); err != nil {
			return failed(err)
		}
		return 0
	}
	if len(args) == 0 || args[0] != "worker" {
		return failed(brand.NotYet("k0s %s; only version, worker and install worker", strings.Join(args, " ")))
	}
	options, err := parseWorker(args[1:])
	if err != nil {
		return failed(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := work(ctx, options); err != nil && !errors.Is(err, context.Canceled) {
		return failed(err)
	}
	return 0
}

func failed(err error) int {
	fmt.Fprintf(os.Stderr, "Error: %v\n", err)
	return 1
}

// work joins with what is there. A kubelet that lies where k0s keeps its own is run; without one the node's object is kept alive.
func work(ctx context.Context, options workerOptions) error {
	name, err := options.nodeName()
	if err != nil {
		return fmt.Errorf("failed to determine node name: %w", err)
	}
	info("node "+name+": "+brand.Name+", "+brand.Warning, "k0s")
	if err := os.MkdirAll(options.dataDir, 0o755); err != nil {
		return err
	}
	if err := bootstrapClient(ctx, options, name); err != nil {
		return fmt.Errorf("failed to bootstrap kubelet client configuration: %w", err)
	}
	api, err := newAPI(options.kubeletConfig())
	if err != nil {
		return fmt.Errorf("failed to load kubelet kubeconfig: %w", err)
	}
	if options.hasPrograms() {
		return runPrograms(ctx, options, name, api.access.authority)
	}
	info("Worker has started", "k0s")
	return (&node{api: api, name: name, options: options}).keep(ctx)
}
