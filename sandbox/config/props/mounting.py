"""The models of what the cloud mounts into a function: NAS, OSS and PolarFS."""

from __future__ import annotations

from pydantic import Field

from sandbox.config.props.fields import Flag, ListOf, Model, Shape, Whole

__all__ = ["POLAR_FS_CONFIG", "NasConfig", "NasMount", "OssMount", "OssMountConfig"]

MOUNT_DIR = "an absolute path in the function, such as /mnt/data"
USER = "the number of a user, -1 to 65534"
GROUP = "the number of a group, -1 to 65534"


class NasMount(Model):
    server_addr: str | None = Field(default=None, description="a text of the form host:/path")
    mount_dir: str | None = Field(default=None, description=MOUNT_DIR)
    enable_tls: Flag | None = Field(default=None, alias="enableTLS", description="true or false")


class NasConfig(Model):
    user_id: Whole | None = Field(default=None, ge=-1, le=65534, description=USER)
    group_id: Whole | None = Field(default=None, ge=-1, le=65534, description=GROUP)
    mount_points: list[NasMount] | None = Field(
        default=None, description="a list of maps with serverAddr and mountDir"
    )


class OssMount(Model):
    bucket_name: str | None = Field(default=None, description="the name of a bucket")
    bucket_path: str | None = Field(default=None, description="a path in the bucket")
    endpoint: str | None = Field(default=None, description="the address of OSS")
    mount_dir: str | None = Field(default=None, description=MOUNT_DIR)
    read_only: Flag | None = Field(default=None, description="true or false")


class OssMountConfig(Model):
    mount_points: list[OssMount] | None = Field(
        default=None, description="a list of maps with bucketName and mountDir"
    )


POLAR_FS_MOUNT = Shape(
    {
        "instanceId": "the id of a PolarFS instance",
        "remoteDir": "a path in it",
        "mountDir": MOUNT_DIR,
    }
)

POLAR_FS_CONFIG = Shape(
    {
        "userId": USER,
        "groupId": GROUP,
        "mountPoints": ("a list of maps with instanceId and mountDir", ListOf(POLAR_FS_MOUNT)),
    }
)
