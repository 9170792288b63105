"""What the archive does: one plain function a use case, through the door."""
