# Tells what reached it, on the port that is its first argument: what a proxy in front did with a request can be read off.
import base64, hashlib, itertools, json, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

count = itertools.count(1)


class Echo(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def do_GET(self):
        if self.headers.get('Upgrade', '').lower() == 'websocket':
            return self.talk()
        size = len(self.rfile.read(int(self.headers.get('Content-Length', 0))))
        seen = {'port': sys.argv[1], 'path': self.path, 'method': self.command, 'size': size, 'count': next(count)}
        body = json.dumps({**seen, 'headers': {k.lower(): v for k, v in self.headers.items()}}).encode()
        if self.path.startswith('/big'):
            body = b'All work and no play makes a dull page. ' * 500
        self.send_response(200)
        self.send_header('Content-Type', 'application/json')
        self.send_header('Content-Length', str(len(body)))
        self.send_header('Strict-Transport-Security', 'max-age=1')
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    # One short message is said back, then the end.
    def talk(self):
        magic = self.headers['Sec-WebSocket-Key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
        self.send_response(101)
        self.send_header('Upgrade', 'websocket')
        self.send_header('Connection', 'Upgrade')
        self.send_header('Sec-WebSocket-Accept', base64.b64encode(hashlib.sha1(magic.encode()).digest()).decode())
        self.end_headers()
        head = self.rfile.read(6)
        text = bytes(b ^ head[2 + i % 4] for i, b in enumerate(self.rfile.read(head[1] & 127)))
        self.wfile.write(bytes([0x81, len(text)]) + text)
        self.close_connection = True

    def log_message(self, *_):
        pass


ThreadingHTTPServer(('127.0.0.1', int(sys.argv[1])), Echo).serve_forever()
