package kinit

import (
	"fmt"
	"runtime"

	"standin/brand"
	"standin/release"
	"standin/sys"
)

func writeRelease(build *Build) error {
	keys := releaseKeys(build.Options, build.Distro)
	if len(build.Options.Providers) > 0 {
		// Asked of the program, as Kairos does, so that a missing k0s is seen here.
		version, err := sys.Output("/usr/bin/k0s", "version")
		if err != nil {
			return fmt.Errorf("provider k0s: %w", err)
		}
		keys["KAIROS_SOFTWARE_VERSION"] = version
		keys["KAIROS_SOFTWARE_VERSION_PREFIX"] = "k0s"
	}
	return release.Write(release.Path, keys)
}

func releaseKeys(options Options, distro Distro) map[string]string {
	name := fmt.Sprintf("kairos-%s-%s-%s", options.Variant(), distro.ID, distro.Version)
	return map[string]string{
		"KAIROS_ID":             "kairos",
		"KAIROS_ID_LIKE":        name,
		"KAIROS_NAME":           name,
		"KAIROS_VERSION":        options.Version,
		"KAIROS_RELEASE":        options.Version,
		"KAIROS_ARCH":           runtime.GOARCH,
		"KAIROS_TARGETARCH":     runtime.GOARCH,
		"KAIROS_FLAVOR":         distro.ID,
		"KAIROS_FLAVOR_RELEASE": distro.Version,
		"KAIROS_FAMILY":         "debian",
		"KAIROS_MODEL":          options.Model,
		"KAIROS_VARIANT":        options.Variant(),
		"KAIROS_FIPS":           "false",
		"KAIROS_TRUSTED_BOOT":   "false",
		"KAIROS_INIT_VERSION":   brand.Version,
		"KAIROS_BUG_REPORT_URL": "https://github.com/kairos-io/kairos/issues",
		"KAIROS_HOME_URL":       "https://github.com/kairos-io/kairos",
	}
}
