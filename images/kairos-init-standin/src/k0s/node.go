package k0s

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"standin/brand"
)

const (
	leasePath  = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
	leaseLasts = 40 // seconds, as a kubelet has it
	microTime  = "2006-01-02T15:04:05.000000Z07:00"
)

// beat is how often the lease is renewed, and rest how long a failed start of it waits.
var beat, rest = 10 * time.Second, 7 * time.Second

// node is what a kubelet would keep of itself in the cluster.
type node struct {
	api     *api
	name    string
	uid     string
	options workerOptions
}

// keep registers the node, and renews its lease and its state until the end.
func (n *node) keep(ctx context.Context) error {
	wait := time.Duration(0)
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
		message, err := n.once(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			klog("E", "kubelet_node_status.go", message, err)
			wait = rest
			continue
		}
		wait = beat
	}
}

// once registers the node unless this process did, and renews state and lease. A node that somebody removed since is
// not registered again: a kubelet does that when it starts, and at no other time.
func (n *node) once(ctx context.Context) (string, error) {
	if n.uid == "" {
		if err := n.register(ctx); err != nil {
			return "Unable to register node with API server", err
		}
		info("Successfully registered node "+n.name, "kubelet")
	}
	status := map[string]any{"status": n.status()}
	if err := n.api.call(ctx, "PATCH", "/api/v1/nodes/"+n.name+"/status", mergeKind, status, nil); err != nil {
		return "Error updating node status, will retry", err
	}
	return "Failed to update lease", n.renew(ctx)
}

// register makes the object, or takes up the one that is there: then its labels stay as they are.
func (n *node) register(ctx context.Context) error {
	labels := map[string]string{
		"kubernetes.io/hostname": n.name, "kubernetes.io/os": runtime.GOOS, "kubernetes.io/arch": runtime.GOARCH,
		"beta.kubernetes.io/os": runtime.GOOS, "beta.kubernetes.io/arch": runtime.GOARCH,
	}
	for key, value := range n.options.labels {
		labels[key] = value
	}
	body := map[string]any{
		"apiVersion": "v1", "kind": "Node",
		"metadata": map[string]any{"name": n.name, "labels": labels},
		"spec":     map[string]any{"taints": n.taints()},
		"status":   n.status(),
	}
	var made struct {
		Metadata struct {
			UID string `json:"uid"`
		} `json:"metadata"`
	}
	err := n.api.call(ctx, "POST", "/api/v1/nodes", jsonKind, body, &made)
	if isStatus(err, 409) {
		err = n.api.call(ctx, "GET", "/api/v1/nodes/"+n.name, jsonKind, nil, &made)
	}
	if err != nil {
		return err
	}
	n.uid = made.Metadata.UID
	return nil
}

func (n *node) taints() []map[string]string {
	taints := []map[string]string{}
	for _, text := range n.options.taints {
		pair, effect, _ := strings.Cut(text, ":")
		key, value, _ := strings.Cut(pair, "=")
		taints = append(taints, map[string]string{"key": key, "value": value, "effect": effect})
	}
	return taints
}

// status says Ready, as the assertions of a join ask for it, and offers room for no pod: there is nothing that runs one.
func (n *node) status() map[string]any {
	now := time.Now().UTC().Format(time.RFC3339)
	room := map[string]string{"cpu": "1", "memory": "1Mi", "pods": "0"}
	return map[string]any{
		"capacity": room, "allocatable": room,
		"addresses": n.addresses(),
		"conditions": []map[string]string{{
			"type": "Ready", "status": "True", "reason": "KubeletReady", "message": brand.Name + ": there is no kubelet, and no pod is run",
			"lastHeartbeatTime": now,
		}},
		"nodeInfo": map[string]string{
			"machineID": line("/etc/machine-id"), "bootID": line("/proc/sys/kernel/random/boot_id"),
			"systemUUID": line("/sys/class/dmi/id/product_uuid"), "kernelVersion": line("/proc/sys/kernel/osrelease"),
			"osImage": osImage("/etc/os-release"), "containerRuntimeVersion": "standin://0", "kubeletVersion": kubeletVersion(os.Getenv(VersionVariable)),
			"kubeProxyVersion": "", "operatingSystem": runtime.GOOS, "architecture": runtime.GOARCH,
		},
	}
}

func (n *node) addresses() []map[string]string {
	found := []map[string]string{{"type": "Hostname", "address": n.name}}
	// Nothing is sent: the kernel is asked which address it would send from.
	host := strings.TrimPrefix(n.api.access.server, "https://")
	connection, err := net.Dial("udp", host)
	if err != nil {
		return found
	}
	defer connection.Close()
	if address, ok := connection.LocalAddr().(*net.UDPAddr); ok {
		found = append([]map[string]string{{"type": "InternalIP", "address": address.IP.String()}}, found...)
	}
	return found
}

func (n *node) renew(ctx context.Context) error {
	patch := map[string]any{"spec": map[string]any{
		"holderIdentity": n.name, "leaseDurationSeconds": leaseLasts, "renewTime": time.Now().UTC().Format(microTime),
	}}
	err := n.api.call(ctx, "PATCH", filepath.Join(leasePath, n.name), "application/merge-patch+json", patch, nil)
	if !isStatus(err, 404) {
		return err
	}
	patch["apiVersion"], patch["kind"] = "coordination.k8s.io/v1", "Lease"
	patch["metadata"] = map[string]any{"name": n.name, "ownerReferences": []map[string]any{
		{"apiVersion": "v1", "kind": "Node", "name": n.name, "uid": n.uid},
	}}
	return n.api.call(ctx, "POST", leasePath, jsonKind, patch, nil)
}

func line(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}

// osImage is PRETTY_NAME, which is what a kubelet reports.
func osImage(path string) string {
	for _, each := range strings.Split(line(path), "\n") {
		if value, found := strings.CutPrefix(each, "PRETTY_NAME="); found {
			return strings.Trim(value, `"'`)
		}
	}
	return ""
}

// kubeletVersion is that of the kubelet inside k0s, which leaves out the number of k0s's own release: v1.34.2+k0s.
func kubeletVersion(k0s string) string {
	if at := strings.LastIndex(k0s, "+k0s."); at >= 0 {
		return k0s[:at] + "+k0s"
	}
	return k0s
}
