"""One module a command. Their heavy imports happen when a command runs, so that `--help` is quick."""
