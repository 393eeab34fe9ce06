// What the page knows of keys of the API. Pure.
const DAY = 86_400;

// Seconds until a new key expires; 0: never.
export const LIFETIMES = [30 * DAY, 90 * DAY, 365 * DAY, 0];

// The names that are known to be members: those with a key that counts or did.
export const memberNames = (keys) => [...new Set(keys.filter(({role}) => role).map(({username}) => username))];

// The body of POST /keys. What is empty is left out.
export const keyBody = ({username, lifetime, description}) =>
  JSON.stringify({username: username.trim(), ...(lifetime ? {expires_in: lifetime} : {}), ...(description.trim() ? {description: description.trim()} : {})});

// Whether the id is that of the key: vb_<id>_<secret>.
export const isOwnKey = (id, key) => key.split('_')[1] === id;
