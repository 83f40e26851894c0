"""Transcribed pages and lines to train on: their settings, the line cache, the report of a data set."""
