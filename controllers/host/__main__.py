"""`python -m controllers.host MODULE:FUNCTION NAME` runs the control process."""

from controllers.host.control_process import main

if __name__ == "__main__":
    main()
