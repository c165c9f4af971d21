"""``python -m dapi``: the same as the ``dapi`` command."""

import sys

from dapi._cli import main

sys.exit(main())
