// What the fragment of the URL says. Only places and filters are in it, never an identity or a key.
// '#/jobs?status=failed' <-> {parts: ['jobs'], query: {status: 'failed'}}
export function parseRoute(fragment) {
  const text = fragment.replace(/^#\/?/, '');
  const at = text.indexOf('?');
  const path = at < 0 ? text : text.slice(0, at);
  const parts = path.split('/').filter(Boolean).map(decoded);
  const query = Object.fromEntries(new URLSearchParams(at < 0 ? '' : text.slice(at + 1)));
  return {parts: parts.length ? parts : ['jobs'], query};
}

export function formatRoute(parts, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== '' && value !== undefined && value !== null);
  const search = new URLSearchParams(given).toString();
  return '#/' + parts.map(encodeURIComponent).join('/') + (search ? `?${search}` : '');
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
