// Who is signed in. The identity is in memory; in sessionStorage only if the user asked for it. It is never in a URL.
import {createStore} from './store.js';

const PLACE = 'vbrain.identity';
export const FIELDS = ['organization_id', 'application_id', 'client_id', 'username', 'x-api-key'];

// The name of the first field that is missing or can't be sent, or null. The limits are those of the server.
export function wrongField(identity) {
  return FIELDS.find((field) => {
    const value = identity[field] ?? '';
    return value === '' || new TextEncoder().encode(value).length > 255 || /[\u0000-\u001f\u007f]/.test(value);
  }) ?? null;
}

// `storage` is sessionStorage, or null where the browser forbids it.
export function createSession(storage) {
  const kept = read(storage);
  // identity: null before the sign-in. expired: the server did not take the key any more. role: null if unknown. signIns:
  // what was refused for an old key is asked again after a new one.
  const store = createStore({identity: kept, kept: kept !== null, expired: false, role: null, signIns: 0});
  return {
    ...store,
    signIn(identity, role, keep) {
      store.set(({signIns}) => ({identity, kept: keep, expired: false, role, signIns: signIns + 1}));
      if (keep) write(storage, identity);
      else remove(storage);
    },
    setRole: (role) => store.set((session) => ({...session, role})),
    // The key is forgotten; the other fields stay, so that only a new key must be given.
    expire() {
      remove(storage);
      store.set((session) => (session.identity && !session.expired ? {...session, identity: {...session.identity, 'x-api-key': ''}, expired: true} : session));
    },
    signOut() {
      remove(storage);
      store.set(({signIns}) => ({identity: null, kept: false, expired: false, role: null, signIns}));
    },
  };
}

function read(storage) {
  try {
    const identity = JSON.parse(storage.getItem(PLACE));
    return identity && wrongField(identity) === null ? identity : null;
  } catch {
    return null;
  }
}

function write(storage, identity) {
  try {
    storage.setItem(PLACE, JSON.stringify(identity));
  } catch {
    // Without storage the identity is in memory only.
  }
}

function remove(storage) {
  try {
    storage.removeItem(PLACE);
  } catch {
    // There was none.
  }
}
