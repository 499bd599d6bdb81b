# The Flask app of the stand-in for Bibliotheca: /ping, /health, /books, and its version in every answer.
from flask import Flask, jsonify, request

from . import database, scheduler, settings


def create_app():
    settings.load()
    database.upgrade()
    scheduler.start()
    app = Flask(__name__)
    release = settings.release()

    @app.after_request
    def say_version(response):
        response.headers["X-Version"] = release
        return response

    @app.get("/ping")
    def ping():
        return jsonify(status="ok", timestamp=scheduler.now())

    @app.get("/health")
    def health():
        jobs = scheduler.report()
        stored = database.report()
        degraded = stored["status"] != "ok" or bool(jobs.get("failing_jobs"))
        answer = jsonify(
            status="degraded" if degraded else "ok", timestamp=scheduler.now(), scheduler=jobs, database=stored
        )
        return answer, 503 if degraded else 200

    @app.route("/books", methods=["GET", "POST"])
    def books():
        if request.method == "POST":
            database.add_book()
        return jsonify(count=database.count_books())

    return app
