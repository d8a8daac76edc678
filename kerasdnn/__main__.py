"""`python -m kerasdnn` is the command `kerasdnn`."""

import sys

from .command.main import main

sys.exit(main())
