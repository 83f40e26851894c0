"""SQL from people, safely."""
