"""The one place that knows every room: it builds what the archive is made of."""
