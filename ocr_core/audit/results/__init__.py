"""What the transcribed lines of a sample say of a library, and whether it has become worse."""
