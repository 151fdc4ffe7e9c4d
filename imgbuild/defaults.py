"""What holds where nobody says anything else: the cloud, the checksums of an image, the seconds to look into one."""

from __future__ import annotations

DEFAULT_CLOUD = "huaweicloud"
ALL = "all"
"""What stands for all clouds where these are compared."""
DEFAULT_CHECKSUMS = ("md5", "sha256")
TIME_LIMIT = 30.0
