# For Packer 1.7 and later; 1.6 has these plugins inside and does not know this block.

packer {
  required_plugins {
    qemu = {
      source  = "github.com/hashicorp/qemu"
      version = ">= 1.1.0"
    }
  }
}
