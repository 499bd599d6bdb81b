# What the app takes from its environment, and what it refuses to start with.
import os
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
PLACEHOLDERS = ("changeme", "replace", "secret", "example", "default")


def load():
    """Reads .env beside the app, as real Bibliotheca does; what the unit has set already wins."""
    file = HERE / ".env"
    for line in file.read_text().splitlines() if file.exists() else []:
        name, sign, value = line.partition("=")
        if sign and not line.startswith("#"):
            os.environ.setdefault(name.strip(), value.strip())
    if os.environ.get("WEB_CONCURRENCY", "1") != "1":
        raise RuntimeError("WEB_CONCURRENCY must be 1 or unset: the scheduler runs inside the one worker")
    if os.environ.get("FLASK_ENV") == "production":
        secret = os.environ.get("SECRET_KEY", "")
        if len(secret) < 32 or any(word in secret.lower() for word in PLACEHOLDERS):
            raise RuntimeError("SECRET_KEY must have 32 characters or more and be no placeholder")
        if not os.environ.get("LIBRARY_DOMAIN", "").startswith("https://"):
            raise RuntimeError("LIBRARY_DOMAIN must start with https://")


def database_url():
    return os.environ.get("DATABASE_URL") or f"sqlite:///{HERE / 'bibliotheca.db'}"


def database():
    return database_url().removeprefix("sqlite:///")


def release():
    """The commit, which `git archive` writes into REVISION (see .gitattributes)."""
    text = (HERE / "REVISION").read_text().strip()
    return "working-copy" if text.startswith("$") else text
