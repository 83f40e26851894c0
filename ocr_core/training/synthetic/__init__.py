"""Lines that are drawn: text, fonts, pens, paper."""
