"""From fleet files and vouched digests to manifests that Flux, VirtRigaud, k0rdent, k0smotron and bindy take."""
