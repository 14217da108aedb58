package kinit

// Build is what the steps of one run share.
type Build struct {
	Options Options
	Distro  Distro
}

// Step is one part of a stage; its name is Kairos's.
type Step struct {
	Stage string
	Name  string
	Help  string
	run   func(*Build) error
}

func allSteps() []Step {
	return []Step{
		{"install", "installPackages", "packages of a node", installPackages},
		{"install", "installKernel", "kernel", installKernel},
		{"install", "kubernetes", "what a provider's Kubernetes needs", kubernetes},
		{"install", "cloudconfigs", "default cloud-configs in /system/oem", cloudconfigs},
		{"install", "branding", "texts and menu entries", branding},
		{"install", "grub", "GRUB menu and command line of an installed node", grub},
		{"install", "kairosBinaries", "/usr/bin/kairos, kairos-agent, immucore", kairosBinaries},
		{"install", "providerBinaries", "the provider's program", providerBinaries},
		{"install", "buildProvider", "k0s and its units", buildProvider},
		{"install", "miscellaneous", "small files", miscellaneous},
		{"init", "kernel", "/boot/vmlinuz", linkKernel},
		{"init", "initramfsConfigs", "dracut drop-ins and the immucore module", initramfsConfigs},
		{"init", "initrd", "/boot/initrd", makeInitrd},
		{"init", "kairosRelease", "/etc/kairos-release", writeRelease},
		{"init", "services", "units enabled and masked", services},
		{"init", "sshHardening", "sshd drop-in", sshHardening},
		{"init", "workarounds", "things that packages get wrong", workarounds},
		{"init", "cleanup", "identity, logs and caches removed", cleanup},
	}
}
