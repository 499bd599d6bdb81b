# What gunicorn serves: /usr/bin/gunicorn --workers 1 --bind 127.0.0.1:8080 --timeout 120 wsgi:app
from bibliotheca import create_app

app = create_app()
