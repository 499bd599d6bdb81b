# The jobs that run inside the one worker, and what /health says of them.
import os
import threading
import time
from datetime import datetime, timedelta, timezone

from . import database

EVERY = 60
FAILURE_THRESHOLD = 3
_state = {"updated_at": None, "jobs": {}}


def now():
    return datetime.now(timezone.utc).isoformat()


def start():
    if not disabled():
        threading.Thread(target=_run_for_ever, name="scheduler", daemon=True).start()


def disabled():
    return os.environ.get("SCHEDULER_ENABLED", "true") == "false"


def report():
    if disabled():
        return {"running": False, "reason": "disabled"}
    jobs = _state["jobs"]
    return {
        "running": True,
        "jobs": [{"id": "count_books", "next_run": _state.get("next_run")}],
        "state": {"updated_at": _state["updated_at"], "jobs": jobs},
        "failing_jobs": [name for name, job in jobs.items() if job["consecutive_failures"] >= FAILURE_THRESHOLD],
        "failure_threshold": FAILURE_THRESHOLD,
    }


def _run_for_ever():
    while True:
        _state["jobs"]["count_books"] = _run(database.count_books, _state["jobs"].get("count_books", {}))
        _state["updated_at"] = now()
        _state["next_run"] = (datetime.now(timezone.utc) + timedelta(seconds=EVERY)).isoformat()
        time.sleep(EVERY)


def _run(job, before):
    began = time.monotonic()
    error = None
    try:
        job()
    except Exception as problem:
        error = str(problem)
    return {
        "last_status": "error" if error else "success",
        "last_run_at": now(),
        "last_success_at": before.get("last_success_at") if error else now(),
        "last_error_at": now() if error else before.get("last_error_at"),
        "last_error": error or before.get("last_error"),
        "last_duration_ms": round((time.monotonic() - began) * 1000),
        "consecutive_failures": before.get("consecutive_failures", 0) + 1 if error else 0,
    }
