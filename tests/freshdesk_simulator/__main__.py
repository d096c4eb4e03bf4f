"""Entry point of `python -m freshdesk_simulator`."""

import sys

from freshdesk_simulator.cli import main

sys.exit(main())
