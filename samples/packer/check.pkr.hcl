# Builds nothing: takes an image that is there, as a build of the qemu builder would leave it, and runs what comes after
# a build. Run in this folder: packer build check.pkr.hcl

variable "image" {
  type    = string
  default = "../debian-12-tiny.qcow2"
}

variable "folder" {
  type    = string
  default = "output"
}

source "null" "example" {
  communicator = "none"
}

build {
  sources = ["source.null.example"]

  provisioner "shell-local" {
    inline = ["mkdir -p '${var.folder}'", "cp '${var.image}' '${var.folder}/web.qcow2'"]
  }

  post-processors {
    post-processor "artifice" {
      files = ["${var.folder}/web.qcow2"]
    }
    post-processor "checksum" {
      checksum_types = ["sha256"]
      output         = "${var.folder}/SHA256SUMS"
    }
    post-processor "manifest" {
      output = "packer-manifest.json"
    }
    post-processor "shell-local" {
      inline = ["imgbuild check --packer-manifest packer-manifest.json --manifest manifest.json"]
    }
  }
}
