"""Pages read as a whole: their pictures, and their text put on the lines that were found."""
