package k0s

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"syscall"
	"time"

	"standin/sys"
)

// pauseImage holds a pod's name spaces; it is never fetched here, so an image file has to bring it.
const pauseImage = "quay.io/k0sproject/pause:3.10.1"

// containerdConfig is where k0s writes it: with its first line k0s takes the file for its own. Tests have one of their own.
var containerdConfig = "/etc/k0s/containerd.toml"

const containerdText = `# k0s_managed=true
version = 2
imports = ["/etc/k0s/containerd.d/*.toml"]
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = %q
`

// respawn is how long a program that ended stays away, and answer how long containerd has to take connections.
var respawn, answer = 5 * time.Second, 5 * time.Minute

func (o *workerOptions) program(name string) string { return filepath.Join(o.dataDir, "bin", name) }

func (o *workerOptions) socket() string { return filepath.Join(o.runDir, "k0s", "containerd.sock") }

// hasPrograms tells whether a kubelet lies where k0s unpacks its own. A k0s without one in itself takes that, too.
func (o *workerOptions) hasPrograms() bool { return sys.Exists(o.program("kubelet")) }

// runPrograms keeps containerd and kubelet until the end, in k0s's order: kubelet when containerd answers and has the images.
func runPrograms(ctx context.Context, options workerOptions, name string, authority []byte) error {
	config, err := configure(options, authority)
	if err != nil {
		return err
	}
	var both sync.WaitGroup
	defer both.Wait()
	// Neither outlives a failure here: systemd starts all anew then.
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	supervise := func(name string, args []string) {
		both.Add(1)
		go func() {
			defer both.Done()
			supervised(ctx, options, name, args)
		}()
	}
	supervise("containerd", containerdArgs(options))
	if err := answers(ctx, options.socket()); err != nil {
		return err
	}
	if err := importImages(options); err != nil {
		return err
	}
	supervise("kubelet", kubeletArgs(options, config, name))
	info("Worker has started", "k0s")
	<-ctx.Done()
	return ctx.Err()
}

// configure writes what both programs read, and gives the path of the kubelet's file.
func configure(options workerOptions, authority []byte) (string, error) {
	dir := filepath.Join(options.runDir, "k0s", "kubelet")
	root, config := filepath.Join(dir, "ca.crt"), filepath.Join(dir, "config.yaml")
	text, err := json.Marshal(map[string]any{
		"apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
		"authentication":           map[string]any{"x509": map[string]string{"clientCAFile": root}},
		"containerRuntimeEndpoint": "unix://" + options.socket(),
		"failSwapOn":               false, "rotateCertificates": true,
		"kubeReservedCgroup": "system.slice", "kubeletCgroups": "/system.slice/containerd.service",
	})
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	return config, errors.Join(
		os.MkdirAll(filepath.Dir(containerdConfig), 0o755),
		os.Chmod(filepath.Dir(containerdConfig), 0o755), // one that is there, too: k0s opens /etc/k0s to all who may log in
		sys.WriteFile(containerdConfig, []byte(fmt.Sprintf(containerdText, pauseImage)), 0o644),
		sys.WriteFile(root, authority, 0o644),
		sys.WriteFile(config, text, 0o600),
	)
}

func containerdArgs(options workerOptions) []string {
	return []string{
		"--root=" + filepath.Join(options.dataDir, "containerd"), "--state=" + filepath.Join(options.runDir, "k0s", "containerd"),
		"--address=" + options.socket(), "--log-level=info", "--config=" + containerdConfig,
	}
}

func kubeletArgs(options workerOptions, config, name string) []string {
	args := []string{
		"--root-dir=" + filepath.Join(options.dataDir, "kubelet"), "--config=" + config, "--kubeconfig=" + options.kubeletConfig(),
		"--cert-dir=" + options.pki(), "--runtime-cgroups=/system.slice/containerd.service", "--v=1",
		"--containerd=" + options.socket(), // for the kubelet's cAdvisor, which looks elsewhere by itself
	}
	labels := make([]string, 0, len(options.labels))
	for key, value := range options.labels {
		labels = append(labels, key+"="+value)
	}
	if sort.Strings(labels); len(labels) > 0 {
		args = append(args, "--node-labels="+strings.Join(labels, ","))
	}
	if len(options.taints) > 0 {
		args = append(args, "--register-with-taints="+strings.Join(options.taints, ","))
	}
	// After k0s's own, which they may override; the name is the one that the certificate is for.
	return append(append(args, options.extra...), "--hostname-override="+name)
}

// supervised starts a program again whenever it ends, as k0s does, and lets it end with the worker.
func supervised(ctx context.Context, options workerOptions, name string, args []string) {
	for ctx.Err() == nil {
		info("Starting to supervise", name)
		command := exec.CommandContext(ctx, options.program(name), args...)
		command.Env = append(os.Environ(), "PATH="+filepath.Join(options.dataDir, "bin")+":"+os.Getenv("PATH"))
		command.Stdout, command.Stderr = os.Stderr, os.Stderr
		command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
		command.WaitDelay = 30 * time.Second
		if err := command.Run(); err != nil && ctx.Err() == nil {
			klog("W", "supervisor.go", "Failed to wait for process "+name, err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(respawn):
		}
	}
}

func answers(ctx context.Context, socket string) error {
	ctx, cancel := context.WithTimeout(ctx, answer)
	defer cancel()
	for {
		connection, err := net.Dial("unix", socket)
		if err == nil {
			return connection.Close()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("failed to ping containerd: %w", err)
		case <-time.After(time.Second):
		}
	}
}

// importImages takes every file of k0s's folder for images; one that cannot be taken is told, and left.
func importImages(options workerOptions) error {
	files, err := filepath.Glob(filepath.Join(options.dataDir, "images", "*"))
	for _, file := range files {
		info("Loading OCI bundle "+file, "OCIBundleReconciler")
		if err := sys.Run(options.program("ctr"), "--address="+options.socket(), "--namespace=k8s.io", "images", "import", file); err != nil {
			klog("E", "ocibundle.go", "Failed to load OCI bundle "+file, err)
		}
	}
	return err
}
