"""Reads data sets that are tables: files of rows, from a folder or the Hub, and how their columns become samples."""
