package agent

import (
	"errors"
	"io"
	"os"

	"standin/nodeconfig"
	"standin/provider"
	"standin/sys"
)

const firstBoot = "/usr/local/.kairos/sentinel_firstboot"

// start is what kairos-agent.service runs at each boot: the role that the configuration gives the node.
func start(args []string, _ io.Writer) error {
	if len(args) > 0 {
		return errors.New("start takes nothing")
	}
	if err := os.MkdirAll("/usr/local/.kairos", 0o755); err != nil {
		return err
	}
	if !sys.Exists(firstBoot) {
		if err := sys.WriteFile(firstBoot, nil, 0o644); err != nil {
			return err
		}
	}
	merged := nodeconfig.Collect("/", nodeconfig.Dirs)
	return provider.Bootstrap("/", merged.Tree, func(words ...string) error { return sys.Run("systemctl", words...) })
}
