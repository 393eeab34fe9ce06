// The keys of the small server. They are not taken for signing in.
const stamp = (ahead) => new Date(Date.now() + ahead * 1000).toISOString().replace(/\.\d+/, '');
let keys = [
  {key_id: 'mock', username: 'ana', role: 'leader', source: 'Client', state: 'live'},
  {key_id: 'q7m2x9k4w1ab', username: 'bot', role: 'developer', source: 'Key', state: 'live', created_at: stamp(-300_000), created_by: 'ana', expires_at: stamp(7_000_000), last_used: stamp(-7000), description: 'nightly import'},
  {key_id: 'w3n8c5t2r6yh', username: 'bruno', role: 'developer', source: 'Key', state: 'expired', created_at: stamp(-9_000_000), created_by: 'ana', expires_at: stamp(-86_400)},
  {key_id: 'a1b2c3d4e5f6', username: 'dora', source: 'Key', state: 'no_member', created_at: stamp(-9_000_000), created_by: 'ana'},
];

export function answerKeys(request, path, body, send) {
  if (request.method === 'GET') return send(200, {keys});
  if (request.method === 'DELETE') {
    const id = path.split('/')[1];
    if (!keys.some(({key_id: one}) => one === id)) return send(404, {error: 'Invalid key_id'});
    keys = keys.filter(({key_id: one}) => one !== id);
    return send(200, {message: 'Key deleted'});
  }
  const {username, expires_in: seconds, description} = JSON.parse(body);
  if (!keys.some((key) => key.username === username && key.role)) return send(400, {error: 'Invalid username', detail: 'no member of the client has this name. Remedy: correct it, or ask the operator to add the member to the Client (kubectl edit vclient)'});
  const id = `k${Date.now().toString(36)}`;
  keys.push({key_id: id, username, role: keys.find((key) => key.username === username).role, source: 'Key', state: 'live', created_at: stamp(0), created_by: 'ana', ...(seconds ? {expires_at: stamp(seconds)} : {}), ...(description ? {description} : {})});
  return send(201, {message: 'Key created', key_id: id, api_key: `vb_${id}_${'0'.repeat(43)}`, username});
}
