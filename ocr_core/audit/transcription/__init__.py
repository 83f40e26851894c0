"""What people write down: the lines they are given, and what comes back in sheets, PAGE and ALTO."""
