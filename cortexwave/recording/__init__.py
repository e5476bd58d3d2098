"""Recordings on disk: written as they come, whole whenever the run stops, read lazily.

layout.py       what a file holds                container.py   how it stands in HDF5
compression.py  one chunk as bytes               files.py       the file on the disk
writer.py       frames to a .part, then a name   recovery.py    what a dead run left
checkpoint.py   the state of the run beside it   reader.py      back as a Dataset
description.py  what is in it                    cutting.py     trials around events
"""
