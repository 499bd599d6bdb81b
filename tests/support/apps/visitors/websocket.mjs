// Websockets by hand: what a visitor sends comes back with the version before it; at the end each is told that we go.
import { createHash } from 'node:crypto';

const open = new Set();

export function upgrade(request, socket, version) {
  const key = request.headers['sec-websocket-key'];
  if (!request.url.startsWith('/ws') || !key)
    return socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n');
  const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  const head = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade'];
  socket.write([...head, `Sec-WebSocket-Accept: ${accept}`, `X-Version: ${version}`, '', ''].join('\r\n'));
  open.add(socket);
  let rest = Buffer.alloc(0);
  socket.on('data', chunk => {
    rest = Buffer.concat([rest, chunk]);
    for (let frame = read(rest); frame; frame = read(rest)) {
      rest = rest.subarray(frame.length);
      if (frame.kind === 8) return socket.end(written(8, frame.payload));
      if (frame.kind === 1) socket.write(written(1, Buffer.from(`${version} ${frame.payload}`)));
    }
  });
  socket.on('error', () => socket.destroy());
  socket.on('close', () => open.delete(socket));
}

/** 1001: going away. A socket whose visitor does not answer that ends all the same. */
export function closeSockets() {
  for (const socket of open) {
    socket.write(written(8, Buffer.from([0x03, 0xe9])));
    setTimeout(() => socket.destroy(), 10_000).unref();
  }
}

/** The first frame in the bytes, when it is there whole. Frames of visitors are masked and short here. */
function read(bytes) {
  if (bytes.length < 6) return undefined;
  const size = bytes[1] & 0x7f;
  if (size > 125) throw new Error('this app takes short messages only');
  if (bytes.length < 6 + size) return undefined;
  const mask = bytes.subarray(2, 6);
  const payload = Buffer.from(bytes.subarray(6, 6 + size)).map((byte, at) => byte ^ mask[at % 4]);
  return { kind: bytes[0] & 0x0f, payload, length: 6 + size };
}

function written(kind, payload) {
  return Buffer.concat([Buffer.from([0x80 | kind, payload.length]), payload]);
}
