// Resumable uploads (tus 1.0) of the small server. What is sent is counted and not kept. BREAK=3: every third part breaks off in its middle.
import {randomUUID} from 'node:crypto';

const known = new Map();  // id: {length, offset}
const breaks = Number(process.env.BREAK ?? 0);
let parts = 0;

export function uploads(request, response, path, send) {
  const headers = {'tus-resumable': '1.0.0'};
  if (path === 'uploads' && request.method === 'POST') {
    const id = randomUUID();
    known.set(id, {length: Number(request.headers['upload-length']), offset: 0});
    return send(201, '', {...headers, location: `./uploads/${id}`});
  }
  const upload = known.get(path.split('/')[1]);
  if (!upload) return send(404, {error: 'Invalid upload_id'});
  const state = () => ({...headers, 'upload-offset': String(upload.offset), 'upload-length': String(upload.length)});
  if (request.method === 'HEAD') return response.writeHead(200, state()).end();
  if (request.method === 'DELETE') return known.delete(path.split('/')[1]) && response.writeHead(204, headers).end();
  if (Number(request.headers['upload-offset']) !== upload.offset) return send(409, {error: 'Invalid upload-offset'}, state());
  const broken = breaks && ++parts % breaks === 0;
  request.on('data', (part) => {
    upload.offset += part.length;
    if (broken) request.destroy();
  });
  return request.on('end', () => response.writeHead(204, state()).end());
}
