"""`python -m bot` is the command line, the same as `easel`."""

import sys

from bot.cli import main

sys.exit(main())
