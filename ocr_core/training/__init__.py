"""Teaching the packaged networks to read: data, distortion, loops, checkpoints, export."""
