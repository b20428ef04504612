"""The command lines of `adafuse_tf`, installed as `adafuse-train` and so on."""
