"""`python -m controllers.host ARM NAME` runs the control process."""

from controllers.host.control_process import main

if __name__ == "__main__":
    raise SystemExit(main())
