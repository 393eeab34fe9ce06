// Idempotency keys: with the same key the server makes a thing once, also if the request is sent twice.
// A UUID of version 4. crypto.randomUUID does not exist on a page that came over plain HTTP; getRandomValues does.
export function newKey(random = (bytes) => crypto.getRandomValues(bytes)) {
  const bytes = random(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const text = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return [text.slice(0, 8), text.slice(8, 12), text.slice(12, 16), text.slice(16, 20), text.slice(20)].join('-');
}

// keyOf(content): the same key as before while the content is the same and done() was not called, which is for an answer 201.
export function createOnce(make = newKey) {
  let last = null;
  return {
    keyOf(content) {
      const text = JSON.stringify(content);
      if (last?.text !== text) last = {text, key: make()};
      return last.key;
    },
    done: () => (last = null),
  };
}
