"""`python -m controllers.host ARM NAME` runs the control process."""

from controllers.host.command_line import main

if __name__ == "__main__":
    raise SystemExit(main())
