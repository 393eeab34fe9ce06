// Language and theme. They are kept in localStorage; nothing else is.
import {createStore} from './store.js';

export const LANGUAGES = ['en', 'pt'];
export const THEMES = ['auto', 'light', 'dark'];

// The first of the browser's languages that the page has.
export function chooseLanguage(wanted) {
  for (const tag of wanted ?? []) {
    const language = tag.toLowerCase().split('-')[0];
    if (LANGUAGES.includes(language)) return language;
  }
  return 'en';
}

export function createSettings(storage, browserLanguages) {
  const get = (name, allowed) => {
    try {
      const value = storage.getItem(`vbrain.${name}`);
      return allowed.includes(value) ? value : null;
    } catch {
      return null;
    }
  };
  const store = createStore({
    language: get('language', LANGUAGES) ?? chooseLanguage(browserLanguages),
    theme: get('theme', THEMES) ?? 'auto',
    // Dates and numbers: the browser's own variant of the language, for example pt-PT or en-GB.
    tags: browserLanguages ?? [],
  });
  return {
    ...store,
    change(name, value) {
      try {
        storage.setItem(`vbrain.${name}`, value);
      } catch {
        // It holds for this visit.
      }
      store.set((settings) => ({...settings, [name]: value}));
    },
  };
}
