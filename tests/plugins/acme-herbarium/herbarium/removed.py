"""What this distribution gave once."""

from dapi import Removed

flowernet = Removed(successor="leafnet", last_version="0.9", reason="It was renamed.")
first = Removed(successor="leafnet:Leaves_RefV2")
