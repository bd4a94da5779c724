"""``python -m mailsvc``."""

from mailsvc.cli import main

if __name__ == "__main__":
    main()
