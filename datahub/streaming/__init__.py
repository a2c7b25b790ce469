"""The other side of the upload protocol: what a device, a script or `manage.py stream_hdf5` does to send rows."""
