# Debian 12 by its own cloud image: grown, provisioned, checked. Needs qemu and the network; plugins.pkr.hcl beside it is
# for Packer 1.7 and later, which fetches its plugins by it. Run in this folder: packer init . && packer build .

variable "version" {
  type    = string
  default = "12"
}

variable "checksum" {
  type    = string
  default = "file:https://cloud.debian.org/images/cloud/bookworm/latest/SHA512SUMS"
}

source "qemu" "debian" {
  iso_url          = "https://cloud.debian.org/images/cloud/bookworm/latest/debian-${var.version}-genericcloud-amd64.qcow2"
  iso_checksum     = var.checksum
  disk_image       = true
  disk_size        = "10G"
  format           = "qcow2"
  headless         = true
  output_directory = "output"
  vm_name          = "debian-${var.version}-web.qcow2"
  ssh_username     = "debian"
  ssh_timeout      = "10m"
  shutdown_command = "sudo shutdown -P now"
}

build {
  sources = ["source.qemu.debian"]

  provisioner "shell" {
    inline = [
      "sudo apt-get update -qq",
      "sudo apt-get install -y -qq nginx",
      "sudo cloud-init clean --logs --machine-id",
      "sudo rm -f /etc/ssh/ssh_host_*",
    ]
  }

  post-processors {
    post-processor "checksum" {
      checksum_types = ["sha256"]
      output         = "output/SHA256SUMS"
    }
    post-processor "manifest" {
      output = "packer-manifest.json"
    }
    post-processor "shell-local" {
      inline = ["imgbuild check --packer-manifest packer-manifest.json --manifest manifest.json"]
    }
  }
}
