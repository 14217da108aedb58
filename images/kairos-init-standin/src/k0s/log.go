package k0s

import (
	"fmt"
	"os"
	"time"
)

// info writes a line as k0s does (logrus), on the stream that it uses.
func info(message, component string) {
	fmt.Fprintf(os.Stderr, "time=%q level=info msg=%q component=%s\n", time.Now().Format("2006-01-02 15:04:05"), message, component)
}

// klog writes a line as the parts that come from Kubernetes do.
func klog(level, file, message string, err error) {
	stamp := time.Now().Format("0102 15:04:05.000000")
	fmt.Fprintf(os.Stderr, "%s%s %7d %s] %q err=%q\n", level, stamp, os.Getpid(), file, message, err.Error())
}
