"""Tombstones."""

from dapi import Removed

old = Removed(successor="leafnet", last_version="0.9", reason="It was renamed.")
